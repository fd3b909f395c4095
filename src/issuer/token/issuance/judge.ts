import { X509Certificate, type KeyObject } from 'node:crypto';
import { HsmongerError, sentenceOf } from '../../../errors.js';
import { elementsIn, equalBytes } from '../../../x509/der.js';
import { nameText } from '../../../x509/names/name.js';
import { findPath, validityFault } from '../../../x509/path.js';
import { openKey } from '../../../x509/public-key.js';
import { verifySignatureAside } from '../../../x509/signature.js';
import { splitSigned } from '../../../x509/signed.js';
import type { Authority } from '../authority.js';

/** Says why a certificate for this key must not be handed out (design rule 3), as a whole clause; undefined where it may. */
export interface Judge {
  (der: Uint8Array, spki: Uint8Array): string | undefined;
  /** The same, the signature looked at beside the event loop, for certificates by the thousand. */
  aside(der: Uint8Array, spki: Uint8Array): Promise<string | undefined>;
}

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
  const notByKey = `its signature is not by the key of ${name}`;
  const faultBeside = (issued: X509Certificate, der: Uint8Array, spki: Uint8Array) => {
    if (!issued.checkIssued(issuer)) return `OpenSSL does not find it issued by ${name}`;
    if (!equalBytes(partsOf(der).spki, spki)) return 'its key is not the key of the request';
    const invalid = validityFault({ notBefore: new Date(issued.validFrom), notAfter: new Date(issued.validTo) }, now);
    return invalid === undefined ? undefined : `it ${invalid}`;
  };
  const judge = (der: Uint8Array, spki: Uint8Array) => {
    try {
      const issued = new X509Certificate(der);
      return issued.verify(key) ? faultBeside(issued, der, spki) : notByKey;
    } catch (error) {
      return unreadable(error);
    }
  };
  const aside = async (der: Uint8Array, spki: Uint8Array) => {
    try {
      // What cannot be taken apart OpenSSL does not read either.
      const signed = signedAside(der, key).catch(() => false);
      return faultBeside(new X509Certificate(der), der, spki) ?? ((await signed) ? undefined : notByKey);
    } catch (error) {
      return unreadable(error);
    }
  };
  return Object.assign(judge, { aside });
}

const unreadable = (error: unknown) => `OpenSSL cannot read it: ${sentenceOf(error)}`;

/** As X509_verify() has it: the algorithm that is signed must be the one beside the signature (RFC 5280 §4.1.1.2). */
async function signedAside(der: Uint8Array, key: KeyObject): Promise<boolean> {
  const signed = splitSigned(der);
  return equalBytes(partsOf(der).algorithm, signed.algorithm) && (await verifySignatureAside(signed, key));
}

/** Octets of what is signed, as they are (RFC 5280 §4.1): to have OpenSSL encode a key anew takes longer than to sign. */
function partsOf(der: Uint8Array): { readonly algorithm: Uint8Array; readonly spki: Uint8Array } {
  const [tbs] = elementsIn(der);
  const parts = tbs === undefined ? [] : elementsIn(tbs);
  const none = new Uint8Array();
  const [algorithm = none, , , , spki = none] = parts.slice(parts[0]?.[0] === versionTag ? 2 : 1);
  return { algorithm, spki };
}

const versionTag = 0xa0;
