import { HsmongerError, sentenceOf } from '../errors.js';
import type { Certificate } from './certificate.js';
import { equalBytes } from './der.js';
import { readBasicConstraints, readAuthorityKeyId, readExtensions, readSubjectKeyId } from './extensions/extensions.js';
import { remembered } from './remembered.js';
import { decode, TbsCertificateSchema } from './schema.js';
import { splitSigned } from './signed.js';
import { parseTime } from './time.js';

/** Reads a DER certificate; CERTIFICATE_INVALID for anything else. `what` names it in the message. */
export function parseCertificate(der: Uint8Array, what = 'The certificate'): Certificate {
  try {
    return certificateOf(der);
  } catch (error) {
    throw new HsmongerError('CERTIFICATE_INVALID', `${what} cannot be read: it ${sentenceOf(error)}.`, { cause: error });
  }
}

const certificateOf = remembered((given: Uint8Array): Certificate => {
  const der = Uint8Array.from(given);
  const { data: tbs, algorithm, signature } = splitSigned(der);
  const inner = decode(tbs, TbsCertificateSchema);
  const notBefore = parseTime(new Uint8Array(inner.validity.notBefore));
  const notAfter = parseTime(new Uint8Array(inner.validity.notAfter));
  if (notBefore === undefined || notAfter === undefined) throw new Error('has a validity that is not a time');
  // RFC 5280 §4.1.1.2: the unsigned algorithm must be the signed one.
  if (!equalBytes(new Uint8Array(inner.signatureAlgorithm), algorithm)) throw new Error('names two signature algorithms');
  const extensions = readExtensions(inner.extensions);
  const { ca, pathLength } = readBasicConstraints(extensions);
  const subjectKeyId = readSubjectKeyId(extensions);
  const authorityKeyId = readAuthorityKeyId(extensions);
  return {
    der,
    subject: new Uint8Array(inner.subject),
    issuer: new Uint8Array(inner.issuer),
    serial: new Uint8Array(inner.serial),
    notBefore,
    notAfter,
    spki: new Uint8Array(inner.spki),
    extensions,
    tbs,
    signatureAlgorithm: algorithm,
    signature,
    isCa: ca,
    ...(pathLength === undefined ? {} : { pathLength }),
    ...(subjectKeyId === undefined ? {} : { subjectKeyId }),
    ...(authorityKeyId === undefined ? {} : { authorityKeyId }),
  };
});
