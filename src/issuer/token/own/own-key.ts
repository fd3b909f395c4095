import { HsmongerError } from '../../../errors.js';
import type { KeyPairType } from '../../../pkcs11/objects/key-type.js';
import type { Token, TokenKey } from '../../../pkcs11/token.js';
import { keyFacts } from '../../../x509/public-key.js';
import { finishPair } from './finish-pair.js';

/** Which key a CA is to have: one that is there, or one of this type, made where the token has none of this label. */
export type KeyWish =
  | { readonly kind: 'existing'; /** Label, CKA_ID in hexadecimal, or PKCS#11 URI. */ readonly name: string }
  | { readonly kind: 'made'; readonly type: KeyPairType; readonly label: string };

/** A private key whose public value is known: good in the session that found it. */
export interface OwnKey {
  readonly key: TokenKey;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** By this call. */
  readonly made: boolean;
}

/**
 * The key. A key of the wished label and type is taken as the one an attempt before this made: a key is never made twice. KEY_NOT_FOUND,
 * KEY_AMBIGUOUS or KEY_UNUSABLE otherwise. Wants a session for writing where one is to be made. Logs in.
 */
export async function ownKey(token: Token, wish: KeyWish): Promise<OwnKey> {
  switch (wish.kind) {
    case 'existing':
      return usable(token, await token.findKey({ by: 'name', name: wish.name }), false);
    case 'made': {
      const [present, another] = (await token.keys()).filter(({ label }) => label === wish.label);
      if (another !== undefined)
        throw new HsmongerError(
          'KEY_AMBIGUOUS',
          `There are several keys '${wish.label}' on token '${token.description.label}'; say which with --key and its CKA_ID.`,
        );
      if (present === undefined) return usable(token, await token.generateKeyPair({ type: wish.type, label: wish.label }), true);
      if (!isOf(present, wish.type)) {
        throw new HsmongerError(
          'KEY_UNUSABLE',
          `There is a key '${wish.label}' on token '${token.description.label}' already, ${present.type} with ${String(present.size)} bits, not of the type wished; choose another --nickname, or take that one with --key '${wish.label}'.`,
        );
      }
      await finishPair(token, present);
      return usable(token, present, false);
    }
  }
}

function usable(token: Token, key: TokenKey, made: boolean): OwnKey {
  const on = `on token '${token.description.label}'`;
  const { spki } = key;
  if (spki === undefined)
    throw new HsmongerError(
      'KEY_UNUSABLE',
      `The key '${key.label}' ${on} does not show its public value, and no public key with its CKA_ID is there; import the public key, or take another.`,
    );
  if (!key.canSign)
    throw new HsmongerError(
      'KEY_UNUSABLE',
      `The key '${key.label}' ${on} may not sign (CKA_SIGN is false), which is all a CA does; take another.`,
    );
  return { key, spki, made };
}

/** Whether a key is of that type and size. */
export function isOf({ spki, type, size }: TokenKey, wished: KeyPairType): boolean {
  if (wished.kind !== type) return false;
  switch (wished.kind) {
    case 'RSA':
      return size === wished.bits;
    case 'EC':
      return spki === undefined ? size === Number(wished.curve.slice(2)) : keyFacts(spki).bits === Number(wished.curve.slice(2));
    case 'Ed25519':
      return true;
  }
}
