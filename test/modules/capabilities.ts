import type { SignatureAlgorithm } from '../../src/config/signature-algorithm.js';
import type { RawKeyType } from '../rig/modules/raw-keys.js';

export interface SchemeOnToken {
  readonly algorithm: SignatureAlgorithm;
  /** Whether the token's own list has a mechanism for it, hashing or raw. */
  readonly listed: boolean;
}

const digests = ['sha256', 'sha384', 'sha512'] as const;

/** Every way of signing with a key of this kind, and whether the token says that it can. */
export function schemesOf(type: RawKeyType, mechanisms: readonly string[]): SchemeOnToken[] {
  const has = (...names: string[]) => names.some((name) => mechanisms.includes(name));
  switch (type) {
    case 'rsa:2048':
    case 'rsa:3072':
      return digests.flatMap((digest) => [
        { algorithm: { scheme: 'rsa-pkcs1', digest }, listed: has(`CKM_${digest.toUpperCase()}_RSA_PKCS`, 'CKM_RSA_PKCS') },
        { algorithm: { scheme: 'rsa-pss', digest }, listed: has(`CKM_${digest.toUpperCase()}_RSA_PKCS_PSS`, 'CKM_RSA_PKCS_PSS') },
      ]);
    case 'P-256':
    case 'P-384':
    case 'P-521':
      return digests.map((digest) => ({
        algorithm: { scheme: 'ecdsa', digest },
        listed: has(`CKM_ECDSA_${digest.toUpperCase()}`, 'CKM_ECDSA'),
      }));
    case 'Ed25519':
      return [{ algorithm: { scheme: 'eddsa' }, listed: has('CKM_EDDSA') }];
  }
}
