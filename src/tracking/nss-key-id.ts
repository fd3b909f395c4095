import { createHash } from 'node:crypto';
import { openKey, signsOnlyPss } from '../x509/public-key.js';

/**
 * The CKA_ID NSS gives a key and looks for (PK11_MakeIDFromPubKey): SHA-1 of the modulus without leading zeros, or of the
 * uncompressed point. Undefined for keys certmonger does not handle.
 */
export function nssKeyId(spki: Uint8Array): Buffer | undefined {
  const value = publicValue(spki);
  return value === undefined ? undefined : createHash('sha1').update(value).digest();
}

function publicValue(spki: Uint8Array): Buffer | undefined {
  // A JWK has no form for a key bound to RSA-PSS.
  if (signsOnlyPss(spki)) return undefined;
  const jwk = openKey(spki)?.export({ format: 'jwk' });
  if (jwk?.kty === 'RSA' && jwk.n !== undefined) return Buffer.from(jwk.n, 'base64url');
  if (jwk?.kty === 'EC' && jwk.x !== undefined && jwk.y !== undefined) return Buffer.concat([Buffer.from([0x04]), Buffer.from(jwk.x, 'base64url'), Buffer.from(jwk.y, 'base64url')]);
  return undefined;
}
