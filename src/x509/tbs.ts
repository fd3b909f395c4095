import type { Certificate, Extension } from './certificate.js';
import { bitString, element, integer, sequence } from './der.js';
import { encodeExtension } from './extensions/extensions.js';
import { encodeTime } from './time.js';

/** What a certificate to be signed says; byte strings as in Certificate. */
export type CertificateFields = Pick<Certificate, 'serial' | 'issuer' | 'notBefore' | 'notAfter' | 'subject' | 'spki'> & {
  readonly extensions: readonly Extension[];
  /** DER AlgorithmIdentifier of the signature to come. */
  readonly signatureAlgorithm: Uint8Array;
};

const version3 = element(0xa0, integer(Uint8Array.of(2)));

/** DER TBSCertificate of version 3 (RFC 5280 §4.1); names, key and extension values go in as they are. */
export function buildTbsCertificate({
  serial,
  signatureAlgorithm,
  issuer,
  notBefore,
  notAfter,
  subject,
  spki,
  extensions,
}: CertificateFields): Uint8Array {
  return sequence(
    version3,
    integer(serial),
    signatureAlgorithm,
    issuer,
    sequence(encodeTime(notBefore), encodeTime(notAfter)),
    subject,
    spki,
    // Extensions ::= SEQUENCE SIZE (1..MAX): none at all rather than an empty list.
    ...(extensions.length === 0 ? [] : [element(0xa3, sequence(...extensions.map(encodeExtension)))]),
  );
}

/** DER Certificate from what was signed, how, and the signature. */
export function assembleCertificate(tbs: Uint8Array, signatureAlgorithm: Uint8Array, signature: Uint8Array): Uint8Array {
  return sequence(tbs, signatureAlgorithm, bitString(signature));
}
