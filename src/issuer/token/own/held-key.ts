import { HsmongerError } from '../../../errors.js';
import type { KeyPairType } from '../../../pkcs11/objects/key-type.js';
import type { Token, TokenKey } from '../../../pkcs11/token.js';
import { sameKey } from '../../../x509/public-key.js';
import { isOf } from './own-key.js';
import type { Placed } from './place.js';

/**
 * The key of the certificates that lie under a nickname already, at least one, undefined where none does: certmonger empties the label of a
 * key it renewed for (certsave-n.c:859), so a key that is looked for by its label alone would be made a second time. KEY_UNUSABLE where it
 * is not of the type wished, KEY_NOT_FOUND where it is not on the token. Logs in.
 */
export async function heldKey(token: Token, held: readonly Placed[], type: KeyPairType): Promise<TokenKey | undefined> {
  let failure: HsmongerError | undefined;
  for (const { label, certificate } of [...held].sort((a, b) => b.certificate.notAfter.getTime() - a.certificate.notAfter.getTime())) {
    try {
      const key = await token.findKey({ by: 'public-key', spki: certificate.spki });
      if (isOf(key, type)) return key;
      throw new HsmongerError(
        'KEY_UNUSABLE',
        `The key of the certificate '${label}' on token '${token.description.label}' is ${key.type} with ${String(key.size)} bits, not of the type wished; choose another --nickname, or the --key-type that is there.`,
      );
    } catch (error) {
      if (!(error instanceof HsmongerError && error.code === 'KEY_NOT_FOUND')) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}

/** KEY_MISMATCH where certificates lie under a nickname already that are another key's: of two keys NSS would take either. */
export function assertHeldBy(held: readonly Placed[], spki: Uint8Array, where: string): void {
  const [first] = held;
  if (first === undefined || held.some(({ certificate }) => sameKey(certificate.spki, spki))) return;
  throw new HsmongerError(
    'KEY_MISMATCH',
    `The certificate '${first.label}' that is on ${where} already has another key than the one named; choose another --nickname.`,
  );
}
