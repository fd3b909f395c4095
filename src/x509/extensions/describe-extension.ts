import { X509Certificate } from 'node:crypto';
import type { Certificate, Extension } from '../certificate.js';
import { allows, extendedKeyUsages, readAuthorityKeyId, readBasicConstraints, readSubjectKeyId, type KeyUsage } from './extensions.js';
import { readNetscapeCertType, readNetscapeComment } from './netscape.js';
import { oids } from '../oids.js';

/** An extension for people. */
export interface DescribedExtension {
  /** As RFC 5280 calls it; the dotted number where it is not known here. */
  readonly name: string;
  readonly oid: string;
  readonly critical: boolean;
  /** What it says; hexadecimal where that is not known here. */
  readonly value: string;
}

const names: ReadonlyMap<string, string> = new Map(Object.entries(oids).map(([name, oid]) => [oid, name]));
const usages: readonly KeyUsage[] = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
];
const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');

const readers: Readonly<Record<string, (certificate: Certificate, extension: Extension) => string>> = {
  [oids.basicConstraints]: ({ extensions }) => {
    const { ca, pathLength } = readBasicConstraints(extensions);
    return `CA:${ca ? 'TRUE' : 'FALSE'}${pathLength === undefined ? '' : `, pathlen:${String(pathLength)}`}`;
  },
  [oids.keyUsage]: (certificate) => usages.filter((usage) => allows(certificate, usage) === true).join(', '),
  [oids.extendedKeyUsage]: ({ extensions }) =>
    extendedKeyUsages(extensions)
      .map((oid) => names.get(oid) ?? oid)
      .join(', '),
  [oids.subjectKeyIdentifier]: ({ extensions }) => hex(readSubjectKeyId(extensions)),
  [oids.authorityKeyIdentifier]: ({ extensions }) => hex(readAuthorityKeyId(extensions)),
  [oids.subjectAltName]: ({ der }, { value }) => new X509Certificate(der).subjectAltName ?? hex(value),
  [oids.ocspNoCheck]: () => '',
  [oids.netscapeCertType]: (_certificate, { value }) => readNetscapeCertType(value)?.join(', ') ?? hex(value),
  [oids.netscapeComment]: (_certificate, { value }) => readNetscapeComment(value) ?? hex(value),
};

/** The certificate's extensions in their order. */
export function describeExtensions(certificate: Certificate): DescribedExtension[] {
  return certificate.extensions.map((extension) => {
    const { oid, critical, value } = extension;
    return { name: names.get(oid) ?? oid, oid, critical, value: readers[oid]?.(certificate, extension) ?? hex(value) };
  });
}
