import type { Certificate, Extension } from './certificate.js';
import { bitString, element, integer, objectIdentifier, sequence } from './der.js';
import { caBasicConstraints, encodeExtension, findExtension, keyUsageExtension, subjectKeyIdExtension } from './extensions/extensions.js';
import { oids } from './oids.js';
import { role } from './path.js';
import { keyIdentifier } from './public-key.js';

/** What a CA has to be told; everything else of a certificate is the issuer's own. */
const carried = [oids.basicConstraints, oids.keyUsage, oids.extendedKeyUsage, oids.subjectAltName, oids.subjectKeyIdentifier];

/**
 * The extensions to ask for when `present` is to be renewed as it is. A CA's subject key identifier stays, for every certificate it issued
 * names it; what an old CA certificate leaves unsaid is said.
 */
export function requestedExtensions(present: Certificate): Extension[] {
  const kept = carried.flatMap((oid) => findExtension(present.extensions, oid) ?? []);
  const missing = (extension: Extension) => (kept.some(({ oid }) => oid === extension.oid) ? [] : [extension]);
  const forCa =
    role(present) === 'leaf'
      ? []
      : [...missing(caBasicConstraints), ...missing(keyUsageExtension(['digitalSignature', 'nonRepudiation', 'keyCertSign', 'cRLSign']))];
  return [...kept, ...forCa, ...missing(subjectKeyIdExtension(present.subjectKeyId ?? keyIdentifier(present.spki)))];
}

/** DER CertificationRequestInfo (RFC 2986 §4.1): name and key go in as they are encoded in the certificate. */
export function buildRequestInfo({ subject, spki, extensions }: Pick<Certificate, 'subject' | 'spki' | 'extensions'>): Uint8Array {
  const attribute = sequence(objectIdentifier(oids.extensionRequest), element(0x31, sequence(...extensions.map(encodeExtension))));
  return sequence(integer(Uint8Array.of(0)), subject, spki, element(0xa0, attribute));
}

/** DER CertificationRequest from what was signed, how, and the signature. */
export function assembleRequest(info: Uint8Array, signatureAlgorithm: Uint8Array, signature: Uint8Array): Uint8Array {
  return sequence(info, signatureAlgorithm, bitString(signature));
}
