import { X509Certificate } from 'node:crypto';
import { sentenceOf } from '../errors.js';
import type { Certificate } from './certificate.js';
import { equalBytes } from './der.js';
import { nameText, sameName } from './names/name.js';
import type { CertificateRequest } from './parse-csr.js';
import { findPath, role, type Path } from './path.js';
import { sameKey } from './public-key.js';

export interface Answer {
  readonly now: Date;
  readonly issued: Certificate;
  /** What may stand above it. */
  readonly authorities: readonly Certificate[];
  readonly csr: CertificateRequest;
  /** The certificate being renewed. */
  readonly old?: Certificate;
}

/** What stands above a certificate that may reach certmonger (design rule 3); why it must not, as a whole clause, otherwise. */
export function acceptable({ now, issued, authorities, csr, old }: Answer): Path | { readonly fault: string } {
  const unreadable = opensslFault(issued);
  if (unreadable !== undefined) return { fault: `OpenSSL cannot read it: ${unreadable}` };
  if (!sameKey(issued.spki, csr.spki)) return { fault: 'its key is not the key of the request' };
  if (old !== undefined && !sameKey(issued.spki, old.spki)) return { fault: 'its key is not the key of the certificate it renews' };
  const subject = (old ?? csr).subject;
  if (!sameName(issued.subject, subject)) return { fault: `its subject is ${nameText(issued.subject)} instead of ${nameText(subject)}` };
  const path = findPath(issued, authorities, now);
  if ('fault' in path) return { fault: `it does not validate: ${path.fault}` };
  if (old === undefined) return path;
  const changed = changedNature(old, issued);
  if (changed !== undefined) return { fault: changed };
  return issued.notAfter > old.notAfter
    ? path
    : { fault: `it expires at ${issued.notAfter.toISOString()}, no later than the one it renews` };
}

/**
 * Why `issued` cannot take the place of `old` for those who rely on it, as a whole clause: a leaf for a CA or the reverse, another key
 * identifier.
 */
export function changedNature(old: Certificate, issued: Certificate): string | undefined {
  const [before, after] = [role(old), role(issued)];
  if (before === 'ca' && after !== 'ca') return 'it is no CA certificate and the one it renews is';
  if (before === 'leaf' && after !== 'leaf') return 'it is a CA certificate and the one it renews is none';
  const kept = old.subjectKeyId === undefined || (issued.subjectKeyId !== undefined && equalBytes(old.subjectKeyId, issued.subjectKeyId));
  return kept ? undefined : 'its subject key identifier is not that of the one it renews';
}

/** A second reader, stricter about names than ours: what it cannot read, no server loads. */
export function opensslFault({ der }: Certificate): string | undefined {
  try {
    new X509Certificate(der);
    return undefined;
  } catch (error) {
    return sentenceOf(error);
  }
}
