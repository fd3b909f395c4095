import { HsmongerError, sentenceOf } from '../errors.js';
import type { Extension } from './certificate.js';
import { dottedOf, elementsIn, equalBytes, integer } from './der.js';
import { extensionsIn } from './extensions/extensions.js';
import { nameFault } from './names/name.js';
import { oids } from './oids.js';
import { splitSigned } from './signed.js';

/** Facts of a PKCS#10 request (RFC 2986), byte strings as in the request. Its signature is not looked at here. */
export interface CertificateRequest {
  readonly der: Uint8Array;
  /** DER Name. */
  readonly subject: Uint8Array;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** Of the extensionRequest attribute. */
  readonly extensions: readonly Extension[];
  /** What is signed. */
  readonly info: Uint8Array;
  /** DER AlgorithmIdentifier. */
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
}

/** Reads a DER request; CSR_INVALID for anything else. */
export function parseCsr(der: Uint8Array): CertificateRequest {
  try {
    return csrOf(new Uint8Array(der));
  } catch (error) {
    throw new HsmongerError('CSR_INVALID', `The certificate request cannot be read: it ${sentenceOf(error)}.`, { cause: error });
  }
}

function csrOf(der: Uint8Array): CertificateRequest {
  const { data: info, algorithm, signature } = splitSigned(der);
  const [version, subject, spki, attributes, ...more] = info[0] === 0x30 ? elementsIn(info) : [];
  if (
    version === undefined ||
    subject?.[0] !== 0x30 ||
    spki?.[0] !== 0x30 ||
    (attributes !== undefined && attributes[0] !== 0xa0) ||
    more.length > 0
  )
    return unfit();
  if (!equalBytes(version, version1)) throw new Error('is not of version 1');
  const fault = nameFault(subject);
  if (fault !== undefined) throw new Error(`has a subject that ${fault}`);
  const requested = (attributes === undefined ? [] : elementsIn(attributes).map(attributeOf)).filter(
    ({ type }) => type === oids.extensionRequest,
  );
  const [values, ...others] = requested.map((attribute) => attribute.values);
  if (others.length > 0 || (values !== undefined && values.length !== 1)) throw new Error('asks for extensions more than once');
  const [list] = values ?? [];
  return { der, subject, spki, extensions: list === undefined ? [] : extensionsIn(list), info, signatureAlgorithm: algorithm, signature };
}

/** RFC 2986 §4.1: the first version is written as 0. */
const version1 = integer(Uint8Array.of(0));

function attributeOf(der: Uint8Array): { readonly type: string; readonly values: Uint8Array[] } {
  const [type, values, ...more] = der[0] === 0x30 ? elementsIn(der) : [];
  if (type === undefined || values?.[0] !== 0x31 || more.length > 0) return unfit();
  return { type: dottedOf(type), values: elementsIn(values) };
}

function unfit(): never {
  throw new Error('has not the structure it should have');
}
