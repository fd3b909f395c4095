import type { Certificate } from './certificate.js';
import { equalBytes } from './der.js';
import { nameText, sameName } from './name.js';
import { findPath, role } from './path.js';
import { sameKey } from './public-key.js';
import type { CertificateRequest } from './parse-csr.js';

export interface Answer {
  readonly now: Date;
  readonly issued: Certificate;
  readonly chain: readonly Certificate[];
  readonly roots: readonly Certificate[];
  readonly csr: CertificateRequest;
  /** The certificate being renewed. */
  readonly old?: Certificate;
}

/** Why the certificate must not reach certmonger (design rule 3), as a whole clause; undefined when it is right. */
export function unacceptable({ now, issued, chain, roots, csr, old }: Answer): string | undefined {
  if (!sameKey(issued.spki, csr.spki)) return 'its key is not the key of the request';
  const path = findPath(issued, [...chain, ...roots], now);
  if ('fault' in path) return `it does not validate: ${path.fault}`;
  if (old === undefined) return sameName(issued.subject, csr.subject) ? undefined : subjectFault(issued.subject, csr.subject);
  if (!sameKey(issued.spki, old.spki)) return 'its key is not the key of the certificate it renews';
  if (!sameName(issued.subject, old.subject)) return subjectFault(issued.subject, old.subject);
  const [before, after] = [role(old), role(issued)];
  if (before === 'ca' && after !== 'ca') return 'the certificate it renews is a CA certificate and it is none';
  if (before === 'leaf' && after !== 'leaf') return 'it is a CA certificate and the one it renews is none';
  if (old.subjectKeyId !== undefined && (issued.subjectKeyId === undefined || !equalBytes(old.subjectKeyId, issued.subjectKeyId))) return 'its subject key identifier is not that of the certificate it renews';
  if (issued.notAfter <= old.notAfter) return `it expires at ${issued.notAfter.toISOString()}, no later than the one it renews`;
  return undefined;
}

function subjectFault(issued: Uint8Array, expected: Uint8Array): string {
  return `its subject is ${nameText(issued)} instead of ${nameText(expected)}`;
}
