import type { DoctorFacts } from '../../doctor/facts.js';
import { gatherCertmonger } from './gather/certmonger.js';
import { gatherChain } from './gather/chain.js';
import { gatherFiles } from './gather/files.js';
import { asked, type Gathering } from './gather/gathering.js';
import { gatherHost } from './gather/host.js';
import { gatherInternal } from './gather/internal.js';
import { gatherNss } from './gather/nss.js';
import { gatherServers } from './gather/servers.js';
import { gatherState } from './gather/state.js';
import { gatherToken } from './gather/token.js';

/** Everything the checks look at, one part after another: tokens do not like company. Never fails: a part that cannot be asked says why. */
export async function gatherFacts(given: Gathering): Promise<DoctorFacts> {
  const { place, now } = given;
  const token = await gatherToken(given);
  const nss = await gatherNss(given);
  const internal = await gatherInternal(given);
  const chain = await asked(() => gatherChain(given, { token, internal }));
  return {
    instance: place.instance,
    now,
    token,
    nss,
    internal,
    chain,
    certmonger: await asked(() => gatherCertmonger(given, { token, internal })),
    servers: await gatherServers(given, chain),
    files: await asked(() => gatherFiles(given)),
    state: await asked(() => gatherState(given)),
    host: await asked(() => gatherHost(given)),
  };
}
