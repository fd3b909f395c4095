import type { InstanceSite } from '../../../config/instance.js';
import { assertOwner } from '../../../config/ledger-owner.js';
import { HsmongerError } from '../../../errors.js';
import { sharedNicknames, type SeenServer } from '../../../renewal/look-at-servers.js';
import { askService } from '../../../service/ask.js';

/**
 * On a shared token one host has the ledger and the CRL (design rule 11): the renewal master, where servers share a directory
 * (ISSUER_ELSEWHERE), else the one issuer.owner names (CLONE_REFUSED); both name the host. `doing`: what is to be done there, as an order.
 */
export async function assertOwnedHere({ instance, directories }: InstanceSite, doing: string): Promise<void> {
  assertOwner(instance, doing);
  if (instance.directory === undefined || sharedNicknames(instance).length === 0) return;
  const { servers } = await askService({ instance, directories }, 'look at servers', { all: false });
  const where = elsewhere(servers, doing);
  if (where !== undefined)
    throw new HsmongerError(
      'ISSUER_ELSEWHERE',
      `The servers share a token, and the renewal master alone has the ledger and the CRL: ${where}.`,
    );
}

/** Where else it is to be done, as a clause; undefined where this is the renewal master. */
export function elsewhere(servers: readonly Pick<SeenServer, 'host' | 'here' | 'renewalMaster'>[], doing: string): string | undefined {
  const masters = servers.filter(({ renewalMaster }) => renewalMaster);
  if (masters.some(({ here }) => here)) return undefined;
  if (masters.length === 0) return `nobody is it; name the server that has them with 'hsmonger master set', and ${doing} there`;
  return `${masters.map(({ host }) => `'${host}'`).join(' and ')} is it; ${doing} there`;
}
