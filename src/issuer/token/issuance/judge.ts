import { X509Certificate } from 'node:crypto';
import { HsmongerError, sentenceOf } from '../../../errors.js';
import { equalBytes } from '../../../x509/der.js';
import { nameText } from '../../../x509/name.js';
import { findPath, validityFault } from '../../../x509/path.js';
import { openKey } from '../../../x509/public-key.js';
import type { Authority } from '../authority.js';

/** Why a certificate for this key must not be handed out (design rule 3), as a whole clause; undefined where it may. */
export type Judge = (der: Uint8Array, spki: Uint8Array) => string | undefined;

/**
 * A judge of many certificates of one CA. What is the same for all is looked at once: the chain above the CA, at `now`. Of each one it is OpenSSL, a reader that is not ours,
 * that says what is in it, who issued it and whether the CA's key signed it.
 */
export function judgeFor({ certificate, pool }: Authority, now: Date): Judge {
  const name = nameText(certificate.subject);
  const path = findPath(certificate, pool, now);
  const key = openKey(certificate.spki);
  if ('fault' in path || key === undefined) throw new HsmongerError('ISSUED_WRONG', `Nothing ${name} signs would be valid: ${'fault' in path ? path.fault : 'its key cannot be read'}.`);
  const issuer = new X509Certificate(certificate.der);
  return (der, spki) => {
    try {
      const issued = new X509Certificate(der);
      if (!issued.checkIssued(issuer)) return `OpenSSL does not find it issued by ${name}`;
      if (!issued.verify(key)) return `its signature is not by the key of ${name}`;
      if (!sameKeyAs(issued, spki)) return 'its key is not the key of the request';
      const invalid = validityFault({ notBefore: new Date(issued.validFrom), notAfter: new Date(issued.validTo) }, now);
      return invalid === undefined ? undefined : `it ${invalid}`;
    } catch (error) {
      return `OpenSSL cannot read it: ${sentenceOf(error)}`;
    }
  };
}

function sameKeyAs(issued: X509Certificate, spki: Uint8Array): boolean {
  const [theirs, ours] = [issued.publicKey, openKey(spki)].map((key) => key?.export({ type: 'spki', format: 'der' }));
  return theirs !== undefined && ours !== undefined && equalBytes(theirs, ours);
}
