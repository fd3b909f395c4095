import { createHash, createPublicKey, type JsonWebKey } from 'node:crypto';

/**
 * The CKA_ID NSS gives a key and looks for (PK11_MakeIDFromPubKey): SHA-1 of the modulus without leading zeros, of the uncompressed point,
 * or of an Edwards curve's point as it is (RFC 8410 §4). `spki` is DER. Undefined for keys of other kinds.
 */
export function nssKeyId(spki: Uint8Array): Buffer | undefined {
  const value = publicValue(spki);
  return value === undefined ? undefined : createHash('sha1').update(value).digest();
}

function publicValue(spki: Uint8Array): Buffer | undefined {
  const jwk = jwkOf(Buffer.from(spki));
  if (jwk?.kty === 'RSA' && jwk.n !== undefined) return Buffer.from(jwk.n, 'base64url');
  if (jwk?.kty === 'EC' && jwk.x !== undefined && jwk.y !== undefined)
    return Buffer.concat([Buffer.from([0x04]), Buffer.from(jwk.x, 'base64url'), Buffer.from(jwk.y, 'base64url')]);
  return jwk?.crv === 'Ed25519' && jwk.x !== undefined ? Buffer.from(jwk.x, 'base64url') : undefined;
}

const ecPublicKey = Buffer.from('06072a8648ce3d0201', 'hex');
const objectIdentifierTag = 0x06;

function jwkOf(spki: Buffer): JsonWebKey | undefined {
  // Named curves only (RFC 5480 §2.1.1): explicit parameters are a way to make OpenSSL compute with an attacker's curve.
  const algorithm = spki.subarray(0, 32).indexOf(ecPublicKey);
  if (algorithm >= 0 && spki[algorithm + ecPublicKey.length] !== objectIdentifierTag) return undefined;
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ format: 'jwk' });
  } catch {
    return undefined;
  }
}
