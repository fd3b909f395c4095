import { hostname } from 'node:os';
import { HsmongerError } from '../errors.js';
import type { Instance } from './instance.js';

/**
 * Who owns the ledger and the CRL of the CA on the token (design rule 11). 'alone': nobody says that another host uses this CA.
 * 'this host': others do, and this one issues, revokes and removes for all. 'another host': this one is a clone.
 */
export type LedgerOwner =
  { readonly kind: 'alone' } | { readonly kind: 'this host' } | { readonly kind: 'another host'; readonly host: string };

/**
 * Reads `issuer.owner`. It is a host's name and not a flag, so that one file does on all hosts, and a copied one is never taken for the
 * owner's by mistake: an owner whose name has changed refuses to revoke, which is safe, where a clone that revoked would not be.
 */
export function ledgerOwner({ issuer }: Pick<Instance, 'issuer'>, host: string = hostname()): LedgerOwner {
  if (issuer.type !== 'token' || issuer.owner === undefined) return { kind: 'alone' };
  return sameHostName(issuer.owner, host) ? { kind: 'this host' } : { kind: 'another host', host: issuer.owner };
}

/** CLONE_REFUSED on a clone. `what` ends the sentence "refusing to …": "revoke a certificate". */
export function assertOwner(instance: Pick<Instance, 'issuer' | 'file'>, what: string, host: string = hostname()): void {
  const owner = ledgerOwner(instance, host);
  if (owner.kind !== 'another host') return;
  throw new HsmongerError(
    'CLONE_REFUSED',
    `Refusing to ${what} on '${host}': by ${instance.file} '${owner.host}' has the CA's ledger and CRL, and this host is a clone that would know only a part; do it on '${owner.host}', or, where that host is gone for good, move its backup here and set issuer.owner to "${host}" (docs/clones.md).`,
  );
}

/** Host names as DNS has them: without regard to case or to a dot at the end. */
function sameHostName(left: string, right: string): boolean {
  return canonical(left) === canonical(right);
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/u, '');
}
