import { nssKeyId } from '../../../pkcs11/objects/nss-key-id.js';
import type { Token, TokenKey } from '../../../pkcs11/token.js';
import { equalBytes } from '../../../x509/der.js';
import { sameKey } from '../../../x509/public-key.js';
import { readableObjects } from '../../../x509/readable-certificates.js';

/**
 * Gives the public key object of a pair the CKA_ID its private key has from NSS's rule: what was left to do where the making of the pair
 * was interrupted in between. Programs look for one by the other's, and for a key on a curve have no other way. A module that lets no
 * CKA_ID be changed keeps it as it is. Wants a session for writing. Logs in.
 */
export async function finishPair(token: Token, { id, spki }: TokenKey): Promise<void> {
  if (spki === undefined || nssKeyId(spki)?.equals(id) !== true) return;
  const astray = (await token.publicKeys()).some(
    (other) => other.spki !== undefined && equalBytes(other.spki, spki) && !equalBytes(other.id, id),
  );
  if (!astray) return;
  const certificates = readableObjects(await token.certificates()).flatMap(({ certificate }) =>
    sameKey(certificate.spki, spki) ? [certificate.der] : [],
  );
  await token.moveId({ spki, from: id, to: id, certificates }, () => undefined);
}
