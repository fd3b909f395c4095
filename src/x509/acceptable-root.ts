import type { Certificate } from './certificate.js';
import { opensslFault } from './acceptable.js';
import { allows } from './extensions/extensions.js';
import { isSelfSigned } from './path.js';

/**
 * Why a certificate is no root that may be used (design rule 3), as a whole clause; undefined when it is one. Its key's signature on itself
 * proves the key.
 */
export function acceptableRoot(certificate: Certificate): string | undefined {
  const unreadable = opensslFault(certificate);
  if (unreadable !== undefined) return `OpenSSL cannot read it: ${unreadable}`;
  if (!isSelfSigned(certificate)) return 'it is not signed by its own key';
  if (!certificate.isCa) return 'it is no CA certificate';
  return allows(certificate, 'keyCertSign') === false ? 'its key usage does not let it sign certificates' : undefined;
}
