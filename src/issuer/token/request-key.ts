import { createHash } from 'node:crypto';
import { keyFingerprint } from '../../x509/public-key.js';
import type { Admitted } from './admit.js';

/**
 * What makes two SUBMITs the same (design rule 5): key, old certificate (or the request itself, where there is none), profile and
 * the issuer's key. Hex SHA-256.
 */
export function requestKey({ csr, old, order, issuer }: Admitted): string {
  const parts = [keyFingerprint(csr.spki), old === undefined ? `csr ${sha256(csr.der)}` : `old ${sha256(old.der)}`, order.profile.name, keyFingerprint(issuer.spki)];
  return sha256(Buffer.from(parts.join('\n')));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
