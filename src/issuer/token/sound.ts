import { HsmongerError } from '../../errors.js';
import type { Certificate } from '../../x509/certificate.js';
import { isEmptyName } from '../../x509/names/general-name.js';
import { nameText, sameName } from '../../x509/names/name.js';
import type { CertificateRequest } from '../../x509/parse-csr.js';
import { assertStrongKey, sameKey } from '../../x509/public-key.js';
import { assertStrongDigest, type Signed } from '../../x509/signature.js';

/** Refuses a request whose key or digest protects nothing. */
export function assertSound({ spki, signatureAlgorithm }: CertificateRequest): void {
  assertStrongDigest(signatureAlgorithm, 'The certificate request');
  assertStrongKey(spki, 'The key of the certificate request');
}

/** What the requester signed to prove that the key is theirs. */
export function signedPart({ info, signatureAlgorithm, signature }: CertificateRequest): Signed {
  return { data: info, algorithm: signatureAlgorithm, signature };
}

/** It may name nobody in its subject, and its names in a subject alternative name. */
export function theRequest(subject: Uint8Array): string {
  return isEmptyName(subject) ? 'The request without a subject' : `The request for ${nameText(subject)}`;
}

export function notItsOwn(): HsmongerError {
  return new HsmongerError(
    'CSR_SIGNATURE',
    'The signature of the certificate request is not by its own key; nothing proves that the requester has that key.',
  );
}

/** Refuses a first certificate that would be the CA once more. */
export function assertAnother(spki: Uint8Array, subject: Uint8Array, issuer: Certificate): void {
  if (sameKey(spki, issuer.spki))
    throw new HsmongerError('KEY_MISMATCH', `${theRequest(subject)} has the key of the CA itself; give it a key of its own.`);
  // It would look self-issued, and certmonger deletes what shares a subject on one token, the key with it.
  if (sameName(subject, issuer.subject))
    throw new HsmongerError(
      'SUBJECT_MISMATCH',
      `The certificate request is for ${nameText(subject)}, which is the CA itself; ask for another subject.`,
    );
}
