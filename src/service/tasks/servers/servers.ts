import { readCaCertificates } from '../../../directory/ca-certificates.js';
import type { Directory } from '../../../directory/directory.js';
import { setRenewalMaster } from '../../../directory/servers.js';
import { HsmongerError } from '../../../errors.js';
import { directoryOf, lookAtServers as look, type ServersLook } from '../../../renewal/look-at-servers.js';
import type { ServiceContext } from '../../context.js';

/** The servers of the CA; `all`: whether each of them answers, not the renewal master alone. */
export function lookAtServers(context: ServiceContext, { all }: { readonly all: boolean }): Promise<ServersLook> {
  return look({
    instance: context.instance,
    directory: directoryIn(context).directory,
    ledger: context.ledger(),
    now: context.clock(),
    all,
  });
}

export async function nameMaster(context: ServiceContext, { host }: { readonly host: string }): Promise<void> {
  const { directory, base } = directoryIn(context);
  await setRenewalMaster(directory, base, host);
}

/** DER of every CA certificate the directory has. */
export async function trustedAuthorities(context: ServiceContext): Promise<Uint8Array[]> {
  const { directory, base } = directoryIn(context);
  return (await readCaCertificates(directory, base)).map(({ der }) => der);
}

/** The directory opened before the drop, or why there is none as an error. */
export function directoryIn({ instance, directory, directoryTrouble }: ServiceContext): {
  readonly directory: Directory;
  readonly base: string;
  readonly pkiBase: string;
} {
  const { base, pkiBase } = directoryOf(instance);
  if (directory === undefined) throw directoryTrouble ?? new HsmongerError('INTERNAL', 'A task that needs the directory was given none.');
  return { directory, base, pkiBase };
}
