import { HsmongerError, sentenceOf } from '../errors.js';
import type { Extension } from './certificate.js';
import { readExtensions } from './extensions.js';
import { nameFault } from './name.js';
import { oids } from './oids.js';
import { CertificationRequestInfoSchema, decode, ExtensionsSchema } from './schema.js';
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
    return csrOf(Uint8Array.from(der));
  } catch (error) {
    throw new HsmongerError('CSR_INVALID', `The certificate request cannot be read: it ${sentenceOf(error)}.`, { cause: error });
  }
}

function csrOf(der: Uint8Array): CertificateRequest {
  const { data: info, algorithm, signature } = splitSigned(der);
  const inner = decode(info, CertificationRequestInfoSchema);
  if (inner.version !== 0) throw new Error('is not of version 1');
  const subject = new Uint8Array(inner.subject);
  const fault = nameFault(subject);
  if (fault !== undefined) throw new Error(`has a subject that ${fault}`);
  const requested = Array.from(inner.attributes ?? []).filter(({ type }) => type === oids.extensionRequest);
  const [values, ...more] = requested.map((attribute) => attribute.values);
  if (more.length > 0 || (values !== undefined && values.length !== 1)) throw new Error('asks for extensions more than once');
  return {
    der,
    subject,
    spki: new Uint8Array(inner.spki),
    extensions: values?.[0] === undefined ? [] : readExtensions(decode(new Uint8Array(values[0]), ExtensionsSchema)),
    info,
    signatureAlgorithm: algorithm,
    signature,
  };
}
