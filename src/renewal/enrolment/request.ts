import { HsmongerError } from '../../errors.js';
import type { Enrolment } from '../../issuer/issuer.js';
import { readCookie, type Progress } from '../../protocol/cookie.js';
import type { EnrolVariables } from '../../protocol/operation.js';
import type { Certificate } from '../../x509/certificate.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { parseCsr, type CertificateRequest } from '../../x509/parse-csr.js';
import { certificateFromPem, csrFromPem } from '../../x509/pem.js';

/** What certmonger asks for, read. */
export interface Request {
  readonly csr: CertificateRequest;
  /** As certmonger gave it. */
  readonly csrPem: string;
  readonly old?: Certificate;
  /** CERTMONGER_CA_PROFILE. */
  readonly profile?: string;
  /** What an earlier call has reached. */
  readonly progress?: Exclude<Progress, { state: 'retrieve' }>;
}

export function readRequest({ csr, oldCertificate, profile, cookie }: EnrolVariables): Request {
  if (csr === undefined) throw new HsmongerError('REQUEST_INVALID', 'certmonger sent no CERTMONGER_CSR: nothing to sign.');
  const progress = readCookie(cookie, profile);
  return {
    csr: parseCsr(csrFromPem(csr)),
    csrPem: csr,
    ...(oldCertificate === undefined ? {} : { old: parseCertificate(certificateFromPem(oldCertificate), 'The certificate to be renewed') }),
    ...(profile === undefined ? {} : { profile }),
    ...(progress === undefined ? {} : { progress }),
  };
}

/** The same, for an issuer. */
export function enrolmentOf({ csr, old, profile }: Request): Enrolment {
  return { csr: csr.der, ...(old === undefined ? {} : { oldCertificate: old.der }), ...(profile === undefined ? {} : { profile }) };
}
