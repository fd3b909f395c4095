import { readCaCertificates } from '../../../directory/ca-certificates.js';
import { authorityState, pkiUserState, type EntryState } from '../../../directory/pki-users.js';
import { readShared } from '../../../directory/shared-certificates.js';
import { lookAtServers, sharedNicknames, type ServersLook } from '../../../renewal/look-at-servers.js';
import { hasEntry } from '../../../renewal/plan.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import type { ServiceContext } from '../../context.js';
import { directoryIn } from './servers.js';

/** What the directory says of the servers and of the certificates they share. */
export interface ServersCompared extends ServersLook {
  readonly shared: readonly { readonly nickname: string; readonly published: readonly Uint8Array[] }[];
  readonly trusted: readonly Uint8Array[];
  readonly entries: readonly { readonly nickname: string; readonly of: 'users' | 'authorities'; readonly state: EntryState }[];
}

/** `certificates`: DER of those that lie here, by nickname. Changes nothing in the directory. */
export async function compareServers(
  context: ServiceContext,
  { certificates }: { readonly certificates: readonly { readonly nickname: string; readonly der: Uint8Array }[] },
): Promise<ServersCompared> {
  const { instance } = context;
  const { directory, base, pkiBase } = directoryIn(context);
  const look = await lookAtServers({ instance, directory, ledger: context.ledger(), now: context.clock() });
  const shared: ServersCompared['shared'][number][] = [];
  for (const nickname of sharedNicknames(instance))
    shared.push({ nickname, published: (await readShared(directory, base, nickname)).map(({ der }) => der) });
  const entries: ServersCompared['entries'][number][] = [];
  for (const config of instance.certificates) {
    const of = hasEntry(config);
    const here = certificates.find(({ nickname }) => nickname === config.nickname);
    if (of === undefined || here === undefined) continue;
    const certificate = parseCertificate(here.der, `The certificate '${config.nickname}'`);
    entries.push({
      nickname: config.nickname,
      of,
      state: await (of === 'users' ? pkiUserState : authorityState)(directory, pkiBase, certificate),
    });
  }
  return { ...look, shared, trusted: (await readCaCertificates(directory, base)).map(({ der }) => der), entries };
}
