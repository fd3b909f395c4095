import type { Instance } from '../../config/instance.js';
import { tokenViews } from '../../config/token-views.js';
import type { DoctorFacts, Fact } from '../../doctor/facts.js';
import type { Part } from '../../doctor/needs.js';
import { gatherCertmonger } from './gather/certmonger.js';
import { gatherChain } from './gather/chain.js';
import { gatherFiles } from './gather/files.js';
import { asked, type Gathering, type SeenToken } from './gather/gathering.js';
import { gatherHost } from './gather/host.js';
import { gatherInternal } from './gather/internal.js';
import { gatherNss } from './gather/nss.js';
import { gatherServers } from './gather/servers.js';
import { gatherState } from './gather/state.js';
import { gatherToken } from './gather/token.js';

/**
 * What the checks look at, one part after another: tokens do not like company. Never fails: a part that cannot be asked says why, and one
 * that is not among `parts` is not asked at all.
 */
export async function gatherFacts(given: Gathering, parts: ReadonlySet<Part>): Promise<DoctorFacts> {
  const { place, now } = given;
  const when = <T>(part: Part, ask: () => Promise<Fact<T>>): Promise<Fact<T>> =>
    parts.has(part) ? ask() : Promise.resolve({ known: false, why: 'It was not looked at.' });
  const [own, ...others] = tokenViews(place.instance);
  const internal = await when('internal', () => gatherInternal(given));
  const seen = async (view: Instance): Promise<SeenToken> => {
    const of = { ...given, place: { ...place, instance: view } };
    return { view, token: await when('token', () => gatherToken(of)), nss: await when('nss', () => gatherNss(of)) };
  };
  const first = await seen(own);
  const stores = { tokens: [first], internal };
  for (const view of others) stores.tokens.push(await seen(view));
  const { token, nss } = first;
  const chain = await when('chain', () => asked(() => gatherChain(given, stores)));
  const whole: DoctorFacts = {
    instance: place.instance,
    now,
    token,
    nss,
    internal,
    chain,
    certmonger: await when('certmonger', () => asked(() => gatherCertmonger(given, stores))),
    servers: parts.has('servers') ? await gatherServers(given, chain) : {},
    files: await when('files', () => asked(() => gatherFiles(given))),
    state: await when('state', () => asked(() => gatherState(given))),
    host: await when('host', () => asked(() => gatherHost(given))),
  };
  return stores.tokens.length === 1
    ? whole
    : {
        ...whole,
        views: stores.tokens.map((one) => ({
          ...whole,
          instance: one.view,
          token: one.token,
          nss: one.nss,
          ...(one.view.partOn === undefined ? {} : { internal: elsewhere }),
        })),
      };
}

/** What lies in the NSS database itself is told with the instance's own token. */
const elsewhere: DoctorFacts['internal'] = { known: true, value: 'none' };
