import { sameName } from '../../x509/names/name.js';
import { parseCsr, type CertificateRequest } from '../../x509/parse-csr.js';
import { sameKey } from '../../x509/public-key.js';
import { bytesOf } from './pkcs7.js';

/**
 * Whether the request the CA shows for review is the wished one: same key, same subject. A cookie could name any request, and the agent
 * must not approve somebody else's.
 */
export function isSameRequest(shown: string | null | undefined, wished: CertificateRequest): boolean {
  const der = typeof shown === 'string' ? bytesOf(shown) : undefined;
  if (der === undefined) return false;
  try {
    const csr = parseCsr(der);
    return sameKey(csr.spki, wished.spki) && sameName(csr.subject, wished.subject);
  } catch {
    return false;
  }
}
