import { HsmongerError, sentenceOf } from '../errors.js';
import { nameFromText } from '../x509/names/name-text.js';
import { sameName } from '../x509/names/name.js';
import { systemCertificates, theCa } from './system-certificates.js';

/** The names a FreeIPA installation has chosen, RFC 4514. */
export interface InstallationNames {
  /** `ipaCaSubjectDN` of cn=ipa,cn=cas,cn=ca; see caSubjectOf(). */
  readonly caSubject: string;
  /** `O=EXAMPLE.TEST`, below which the system certificates are named. */
  readonly subjectBase: string;
}

/** The CA's subject: what the directory says, else the one FreeIPA had before it could be chosen (installutils.py lookup_ca_subject). */
export function caSubjectOf(entry: { readonly subject?: string } | undefined, subjectBase: string): string {
  return entry?.subject ?? `CN=Certificate Authority,${subjectBase}`;
}

/**
 * Under which nickname the servers share the certificate with this subject (DER Name): FreeIPA's map by subject (installutils.py
 * ca_subject_dn, cainstance.py). Undefined for what is each server's own, such as Server-Cert and lightweight CAs. CONFIG_INVALID
 * where the subject base is no name, DIRECTORY_INVALID where the CA's is none: that is mended in the directory, and asked for again.
 */
export function sharedNickname(subject: Uint8Array, { caSubject, subjectBase }: InstallationNames): string | undefined {
  nameFromText(subjectBase);
  // The CA's own first, as there: it may be named like one of the others.
  if (sameName(subject, nameInDirectory(caSubject)))
    return systemCertificates.find((certificate) => certificate.subject === theCa)?.nickname;
  return systemCertificates.find(
    (certificate) =>
      certificate.shared &&
      certificate.subject !== undefined &&
      certificate.subject !== theCa &&
      sameName(subject, nameFromText(`CN=${certificate.subject},${subjectBase}`)),
  )?.nickname;
}

function nameInDirectory(text: string): Uint8Array {
  try {
    return nameFromText(text);
  } catch (error) {
    throw new HsmongerError(
      'DIRECTORY_INVALID',
      `The CA's subject in the directory (ipaCaSubjectDN) cannot be read: ${sentenceOf(error)}`,
      { cause: error },
    );
  }
}

/** The nickname of the CA's own certificate. */
export const caNickname = 'caSigningCert cert-pki-ca';
