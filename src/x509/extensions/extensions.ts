import type { Certificate, Extension } from '../certificate.js';
import {
  booleanTrue,
  contentOf,
  derFault,
  dottedOf,
  element,
  elementsIn,
  integer,
  namedBits,
  objectIdentifier,
  octetString,
  sequence,
} from '../der.js';
import { oids } from '../oids.js';
import { BasicConstraintsSchema, decode, ObjectIdentifiersSchema, type ExtensionsSchema } from '../schema.js';

/** Bit numbers of KeyUsage (RFC 5280 §4.2.1.3). */
const keyUsageBits = {
  digitalSignature: 0,
  nonRepudiation: 1,
  keyEncipherment: 2,
  dataEncipherment: 3,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
} as const;
export type KeyUsage = keyof typeof keyUsageBits;

/**
 * The extensions in a DER Extensions that derFault() has passed; throws an Error whose message ends a sentence for anything else, and where
 * one occurs twice.
 */
export function extensionsIn(der: Uint8Array): Extension[] {
  if (der[0] !== 0x30) throw new Error('has not the structure it should have');
  return once(elementsIn(der).map(extensionOf));
}

function extensionOf(der: Uint8Array): Extension {
  const parts = der[0] === 0x30 ? elementsIn(der) : [];
  const [oid] = parts;
  const critical = parts[1]?.[0] === 0x01 ? parts[1] : undefined;
  const value = parts[critical === undefined ? 1 : 2];
  if (
    oid === undefined ||
    value?.[0] !== 0x04 ||
    parts.length !== (critical === undefined ? 2 : 3) ||
    (critical !== undefined && critical.length !== 3)
  )
    throw new Error('has not the structure it should have');
  return { oid: dottedOf(oid), critical: critical !== undefined && critical[2] !== 0, value: contentOf(value).slice() };
}

/** Plain extensions from decoded ones; throws where one occurs twice (RFC 5280 §4.2 forbids it). */
export function readExtensions(decoded: ExtensionsSchema | undefined): Extension[] {
  return once(Array.from(decoded ?? [], ({ oid, critical, value }) => ({ oid, critical, value: new Uint8Array(value.buffer) })));
}

function once(extensions: Extension[]): Extension[] {
  if (new Set(extensions.map(({ oid }) => oid)).size !== extensions.length) throw new Error('has the same extension twice');
  return extensions;
}

export function findExtension(extensions: readonly Extension[], oid: string): Extension | undefined {
  return extensions.find((extension) => extension.oid === oid);
}

export function readBasicConstraints(extensions: readonly Extension[]): { readonly ca: boolean; readonly pathLength?: number } {
  const found = findExtension(extensions, oids.basicConstraints);
  if (found === undefined) return { ca: false };
  const { ca, pathLength } = decode(found.value, BasicConstraintsSchema);
  if (pathLength === undefined) return { ca };
  if (!Number.isSafeInteger(pathLength) || pathLength < 0) throw new Error('has a path length that is not a count');
  return { ca, pathLength };
}

export function readSubjectKeyId(extensions: readonly Extension[]): Uint8Array | undefined {
  const found = findExtension(extensions, oids.subjectKeyIdentifier);
  if (found === undefined) return undefined;
  const { value } = found;
  // An OCTET STRING of fewer than 128 octets: nobody makes a longer key identifier.
  if (value[0] !== 0x04 || value.length < 3 || value[1] !== value.length - 2)
    throw new Error('has a subject key identifier that is not an octet string');
  return value.slice(2);
}

export function readAuthorityKeyId(extensions: readonly Extension[]): Uint8Array | undefined {
  const found = findExtension(extensions, oids.authorityKeyIdentifier);
  if (found === undefined) return undefined;
  // Each part is tagged and may be missing (RFC 5280 §4.2.1.1); the library cannot read the issuer's names, which are a list of a CHOICE.
  const fault = derFault(found.value);
  const parts = fault === undefined && found.value[0] === 0x30 ? elementsIn(found.value) : [];
  if (fault !== undefined || found.value[0] !== 0x30 || parts.some(([tag]) => ![0x80, 0xa1, 0x82].includes(tag ?? 0)))
    throw new Error('has an authority key identifier that cannot be read');
  const identifier = parts.find(([tag]) => tag === 0x80);
  return identifier === undefined ? undefined : Uint8Array.from(contentOf(identifier));
}

/** Dotted OIDs of the extended key usage; empty when there is none or it cannot be read. */
export function extendedKeyUsages(extensions: readonly Extension[]): string[] {
  const found = findExtension(extensions, oids.extendedKeyUsage);
  if (found === undefined) return [];
  try {
    return Array.from(decode(found.value, ObjectIdentifiersSchema));
  } catch {
    return [];
  }
}

/** Whether the certificate's key usage allows `usage`; undefined when it has no (readable) key usage, which allows all. */
export function allows({ extensions }: Pick<Certificate, 'extensions'>, usage: KeyUsage): boolean | undefined {
  const value = findExtension(extensions, oids.keyUsage)?.value;
  if (value?.[0] !== 0x03 || value.length < 3) return undefined;
  const bit = keyUsageBits[usage];
  return (((value[3 + Math.floor(bit / 8)] ?? 0) >> (7 - (bit % 8))) & 1) === 1;
}

export function encodeExtension({ oid, critical, value }: Extension): Uint8Array {
  return sequence(objectIdentifier(oid), ...(critical ? [booleanTrue] : []), octetString(value));
}

export const caBasicConstraints: Extension = { oid: oids.basicConstraints, critical: true, value: sequence(booleanTrue) };

/** A CA's, with how many CAs may stand below it (0 to 127). */
export function caBasicConstraintsWith(pathLength: number): Extension {
  return { ...caBasicConstraints, value: sequence(booleanTrue, integer(Uint8Array.of(pathLength))) };
}

/** DER leaves out the default FALSE: an empty sequence says CA:FALSE. */
export const leafBasicConstraints: Extension = { oid: oids.basicConstraints, critical: true, value: sequence() };
/** RFC 6960 §4.2.2.2.1: NULL. */
export const ocspNoCheckExtension: Extension = { oid: oids.ocspNoCheck, critical: false, value: Uint8Array.of(0x05, 0x00) };

export function subjectKeyIdExtension(keyId: Uint8Array): Extension {
  return { oid: oids.subjectKeyIdentifier, critical: false, value: octetString(keyId) };
}

/**
 * The key identifier alone, unless the issuer's own certificate is named too by whose it is and its serial number, which a renewed CA
 * certificate no longer has (RFC 5280 §4.2.1.1: both or neither).
 */
export function authorityKeyIdExtension(keyId: Uint8Array, certificate?: Pick<Certificate, 'issuer' | 'serial'>): Extension {
  const named = certificate === undefined ? [] : [element(0xa1, element(0xa4, certificate.issuer)), element(0x82, certificate.serial)];
  return { oid: oids.authorityKeyIdentifier, critical: false, value: sequence(element(0x80, keyId), ...named) };
}

export function extendedKeyUsageExtension(usages: readonly string[], critical = false): Extension {
  return { oid: oids.extendedKeyUsage, critical, value: sequence(...usages.map(objectIdentifier)) };
}

/** Critical, as RFC 5280 §4.2.1.3 asks. */
export function keyUsageExtension(usages: readonly KeyUsage[]): Extension {
  return {
    oid: oids.keyUsage,
    critical: true,
    value: namedBits(usages.reduce((octet, usage) => octet | (0x80 >> keyUsageBits[usage]), 0)),
  };
}
