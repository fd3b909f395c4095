import { X509Certificate, type KeyObject } from 'node:crypto';
import type { SignatureAlgorithm } from '../../../config/signature-algorithm.js';
import { HsmongerError, sentenceOf } from '../../../errors.js';
import { elementsIn, equalBytes } from '../../../x509/der.js';
import { nameText } from '../../../x509/names/name.js';
import { findPath, validityFault } from '../../../x509/path.js';
import { openKey } from '../../../x509/public-key.js';
import { algorithmIdentifier } from '../../../x509/signature-algorithm.js';
import { verifySignatureWith } from '../../../x509/signature.js';
import { assembleCertificate } from '../../../x509/tbs.js';
import type { Authority } from '../authority.js';

export interface Judge {
  /** Why a certificate for this key must not be handed out (design rule 3), as a whole clause; undefined where it may. */
  judge(der: Uint8Array, spki: Uint8Array): string | undefined;
  /**
   * All of it but the signature, before there is one, and the key as OpenSSL has it, undefined where it is none (a point beside its curve):
   * what nobody can read is not signed (CA/Browser Forum BR §4.3.1.2).
   */
  judgeUnsigned(tbs: Uint8Array, spki: Uint8Array): { readonly fault: string } | { readonly key: KeyObject | undefined };
  /** Whether the CA's key made the signature. */
  isSigned(tbs: Uint8Array, signature: Uint8Array): boolean;
}

/**
 * A judge of many certificates of one CA. What is the same for all is looked at once: the chain above the CA, at `now`. Of each one it is
 * OpenSSL, a reader that is not ours, that says what is in it, who issued it and whether the CA's key signed it.
 */
export function judgeFor({ certificate, pool }: Authority, algorithm: SignatureAlgorithm, now: Date): Judge {
  const name = nameText(certificate.subject);
  const path = findPath(certificate, pool, now);
  const key = openKey(certificate.spki);
  if ('fault' in path || key === undefined)
    throw new HsmongerError(
      'ISSUED_WRONG',
      `Nothing ${name} signs would be valid: ${'fault' in path ? path.fault : 'its key cannot be read'}.`,
    );
  const issuer = new X509Certificate(certificate.der);
  const signatureAlgorithm = algorithmIdentifier(algorithm);
  const faultIn = (issued: X509Certificate, tbs: Uint8Array, spki: Uint8Array) => {
    if (!issued.checkIssued(issuer)) return `OpenSSL does not find it issued by ${name}`;
    if (!equalBytes(keyOf(tbs), spki)) return 'its key is not the key of the request';
    const invalid = validityFault({ notBefore: new Date(issued.validFrom), notAfter: new Date(issued.validTo) }, now);
    return invalid === undefined ? undefined : `it ${invalid}`;
  };
  const unreadable = (error: unknown) => `OpenSSL cannot read it: ${sentenceOf(error)}`;
  return {
    judge: (der, spki) => {
      try {
        const issued = new X509Certificate(der);
        return issued.verify(key) ? faultIn(issued, elementsIn(der)[0] ?? none, spki) : `its signature is not by the key of ${name}`;
      } catch (error) {
        return unreadable(error);
      }
    },
    judgeUnsigned: (tbs, spki) => {
      try {
        const draft = new X509Certificate(assembleCertificate(tbs, signatureAlgorithm, none));
        const fault = faultIn(draft, tbs, spki);
        return fault === undefined ? { key: keyIn(draft) } : { fault };
      } catch (error) {
        return { fault: unreadable(error) };
      }
    },
    isSigned: (tbs, signature) => verifySignatureWith({ data: tbs, algorithm: signatureAlgorithm, signature }, key),
  };
}

function keyIn(certificate: X509Certificate): KeyObject | undefined {
  try {
    return certificate.publicKey;
  } catch {
    return undefined;
  }
}

/** Octets of the key as they are in what is signed (RFC 5280 §4.1): to have OpenSSL encode it anew takes longer than to sign. */
function keyOf(tbs: Uint8Array): Uint8Array {
  const parts = elementsIn(tbs);
  return parts[parts[0]?.[0] === versionTag ? 6 : 5] ?? none;
}

const versionTag = 0xa0;
const none = new Uint8Array();
