import { createHash } from 'node:crypto';
import type { Certificate } from '../x509/certificate.js';
import type { CertificateRequest } from '../x509/parse-csr.js';
import { keyFingerprint } from '../x509/public-key.js';

export interface SameRequest {
  readonly csr: CertificateRequest;
  readonly old?: Certificate;
  readonly profile: string;
  /** Names the CA that is asked. */
  readonly issuer: string;
  /** What else an administrator asked for, by a fingerprint of it. */
  readonly order?: string;
}

/**
 * What makes two SUBMITs the same (design rule 5): key, old certificate (or the request itself, where there is none), profile and
 * the issuer. Hex SHA-256.
 */
export function requestKey({ csr, old, profile, issuer, order }: SameRequest): string {
  const parts = [
    keyFingerprint(csr.spki),
    old === undefined ? `csr ${sha256(csr.der)}` : `old ${sha256(old.der)}`,
    profile,
    issuer,
    ...(order === undefined ? [] : [order]),
  ];
  return sha256(Buffer.from(parts.join('\n')));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
