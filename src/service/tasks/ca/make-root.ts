import { assertOwner } from '../../../config/ledger-owner.js';
import { makeRoot, storeRoot } from '../../../issuer/token/own/make-root.js';
import type { KeyWish, OwnKey } from '../../../issuer/token/own/own-key.js';
import type { RootOrder } from '../../../issuer/token/own/plan-root.js';
import { nssKeyId } from '../../../pkcs11/objects/nss-key-id.js';
import { openSigningOnceMore } from '../../../pkcs11/signing/once-more.js';
import { equalBytes } from '../../../x509/der.js';
import type { ServiceContext } from '../../context.js';
import { tokenIssuerOf } from '../../own-authority.js';

/** A CA's own certificate and the key it has. */
export interface OwnCa {
  /** DER. */
  readonly certificate: Uint8Array;
  readonly key: OwnKeyFacts;
  /** It was on the token already. */
  readonly there: boolean;
}

export interface OwnKeyFacts {
  readonly label: string;
  /** CKA_ID, hexadecimal. */
  readonly id: string;
  readonly type: string;
  readonly size: number;
  /** By this call. */
  readonly made: boolean;
  /** It cannot leave the token, as far as the token says. */
  readonly protected: boolean;
  /** Its CKA_ID is the one NSS, and so certmonger, looks for. */
  readonly nssId: boolean;
}

/**
 * Makes the CA's own root, or what of it is missing: key, certificate, the ledger's row, the object on the token. Where it is there,
 * neither wish nor order is needed.
 */
export async function makeOwnRoot(
  context: ServiceContext,
  { wish, order }: { readonly wish?: KeyWish; readonly order?: RootOrder },
): Promise<OwnCa> {
  assertOwner(context.instance, 'make a root');
  const token = await openSigningOnceMore(() => context.openToken({ access: 'write' }));
  const parts = {
    token,
    ledger: context.ledger(),
    clock: context.clock,
    uid: process.geteuid?.() ?? -1,
    issuer: tokenIssuerOf(context.instance),
    authorityKeyId: context.instance.ca?.authorityKeyId ?? ('key' as const),
  };
  const made = await makeRoot(parts, wish, order);
  if (!made.there) await storeRoot(parts, made);
  return { certificate: made.certificate.der, key: keyFactsOf(made.key), there: made.there };
}

export function keyFactsOf({ key, spki, made }: OwnKey): OwnKeyFacts {
  const { label, id, type, size, sensitive, extractable } = key;
  const wanted = nssKeyId(spki);
  return {
    label,
    id: Buffer.from(id).toString('hex'),
    type,
    size,
    made,
    protected: sensitive && !extractable,
    nssId: wanted !== undefined && equalBytes(wanted, id),
  };
}
