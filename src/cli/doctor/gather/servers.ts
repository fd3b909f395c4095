import type { Fact } from '../../../doctor/facts.js';
import type { ChainFacts } from '../../../doctor/facts/chain.js';
import type { AuthorityLook, ServersFacts } from '../../../doctor/facts/servers.js';
import { askService } from '../../../service/ask.js';
import { certificateIn } from '../../../tracking/certificate-files.js';
import { asked, type Gathering } from './gathering.js';

/** The directory and the CA behind the network, where the instance has them. */
export async function gatherServers({ place }: Pick<Gathering, 'place'>, chain: Fact<ChainFacts>): Promise<ServersFacts> {
  const certificates = chain.known ? chain.value.certificates.map(({ nickname, der }) => ({ nickname, der })) : [];
  const directory =
    place.instance.directory === undefined ? undefined : await asked(() => askService(place, 'compare servers', { certificates }));
  const authority = await authorityOf(place);
  return { ...(directory === undefined ? {} : { directory }), ...(authority === undefined ? {} : { authority }) };
}

async function authorityOf(place: Gathering['place']): Promise<AuthorityLook | undefined> {
  const { issuer } = place.instance;
  if (issuer.type !== 'dogtag') return undefined;
  const { agent } = issuer;
  const answer = await asked(() => askService(place, 'look at authority', undefined));
  // Its files are root's to read.
  return {
    url: issuer.url,
    answer,
    ...(agent === undefined ? {} : { agent: await asked(() => Promise.resolve().then(() => certificateIn(agent.certificate))) }),
  };
}
