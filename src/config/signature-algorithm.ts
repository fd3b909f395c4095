import { HsmongerError } from '../errors.js';
import type { Digest } from './instance.js';

/** What a signature is made with. */
export type SignatureAlgorithm =
  /** RSASSA-PKCS1-v1_5 (RFC 8017 §8.2). */
  | { readonly scheme: 'rsa-pkcs1'; readonly digest: Digest }
  /** RSASSA-PSS (RFC 8017 §8.1): MGF1 with the same digest, a salt as long as it (RFC 4055 §3.1). */
  | { readonly scheme: 'rsa-pss'; readonly digest: Digest }
  /** ECDSA with a digest of ours or the token's (RFC 5758 §3.2). */
  | { readonly scheme: 'ecdsa'; readonly digest: Digest }
  /** PureEdDSA on Ed25519 (RFC 8410). */
  | { readonly scheme: 'eddsa' };

/** What an administrator may choose of it; the key decides the rest. */
export interface SignatureChoice {
  readonly digest?: Digest;
  readonly rsaSignature?: 'pkcs1' | 'pss';
}

/**
 * USAGE where something was chosen that a key of this type (RSA, EC, Ed25519) never signs with: nobody is to believe in a signature that is
 * not made.
 */
export function assertChoiceCounts(type: string, { digest, rsaSignature }: SignatureChoice): void {
  if (rsaSignature !== undefined && type !== 'RSA')
    throw new HsmongerError(
      'USAGE',
      `The signature '${rsaSignature}' (rsa-signature) is for RSA keys, and this key's type is ${type}: leave it out, or choose an RSA key.`,
    );
  if (digest !== undefined && type === 'Ed25519')
    throw new HsmongerError(
      'USAGE',
      `The digest '${digest}' has no meaning for Ed25519, which brings its own (RFC 8032 §5.1): leave it out, or choose another key.`,
    );
}
