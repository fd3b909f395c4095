import type { ProfileName } from '../config/profile-names.js';

/**
 * One certificate that FreeIPA keeps alive on its servers (ipalib/constants.py, dogtaginstance.py, cainstance.py, krainstance.py,
 * installutils.py).
 */
export interface SystemCertificate {
  readonly nickname: string;
  readonly profile: ProfileName;
  readonly subsystem: 'ca' | 'kra' | 'ra';
  /** Where it lies on a server with an HSM; without one, 'token' means the NSS database's own. */
  readonly storage: 'token' | 'internal' | 'file';
  /**
   * The common name below the subject base; 'the CA' for the CA's own subject, which the directory names. Absent where it is each server's
   * own.
   */
  readonly subject?: string;
  /** Every server of the CA has the same one: the renewal master renews it, the others take it from cn=ca_renewal. */
  readonly shared: boolean;
  /** Its copy in CS.cfg before PKI 11.5: the subsystem's file and the directive. */
  readonly directives: readonly { readonly file: 'ca' | 'kra'; readonly directive: string }[];
}

export const theCa = 'the CA';

export const systemCertificates: readonly SystemCertificate[] = [
  {
    nickname: 'caSigningCert cert-pki-ca',
    profile: 'caCACert',
    subsystem: 'ca',
    storage: 'token',
    subject: theCa,
    shared: true,
    directives: [{ file: 'ca', directive: 'ca.signing.cert' }],
  },
  {
    nickname: 'ocspSigningCert cert-pki-ca',
    profile: 'caOCSPCert',
    subsystem: 'ca',
    storage: 'token',
    subject: 'OCSP Subsystem',
    shared: true,
    directives: [{ file: 'ca', directive: 'ca.ocsp_signing.cert' }],
  },
  {
    nickname: 'subsystemCert cert-pki-ca',
    profile: 'caSubsystemCert',
    subsystem: 'ca',
    storage: 'token',
    subject: 'CA Subsystem',
    shared: true,
    directives: [
      { file: 'ca', directive: 'ca.subsystem.cert' },
      { file: 'kra', directive: 'kra.subsystem.cert' },
    ],
  },
  {
    nickname: 'auditSigningCert cert-pki-ca',
    profile: 'caSignedLogCert',
    subsystem: 'ca',
    storage: 'token',
    subject: 'CA Audit',
    shared: true,
    directives: [{ file: 'ca', directive: 'ca.audit_signing.cert' }],
  },
  {
    nickname: 'Server-Cert cert-pki-ca',
    profile: 'caServerCert',
    subsystem: 'ca',
    storage: 'internal',
    shared: false,
    directives: [
      { file: 'ca', directive: 'ca.sslserver.cert' },
      { file: 'kra', directive: 'kra.sslserver.cert' },
    ],
  },
  {
    nickname: 'transportCert cert-pki-kra',
    profile: 'caTransportCert',
    subsystem: 'kra',
    storage: 'token',
    subject: 'KRA Transport Certificate',
    shared: true,
    directives: [
      { file: 'kra', directive: 'kra.transport.cert' },
      { file: 'ca', directive: 'ca.connector.KRA.transportCert' },
    ],
  },
  {
    nickname: 'storageCert cert-pki-kra',
    profile: 'caStorageCert',
    subsystem: 'kra',
    storage: 'token',
    subject: 'KRA Storage Certificate',
    shared: true,
    directives: [{ file: 'kra', directive: 'kra.storage.cert' }],
  },
  {
    nickname: 'auditSigningCert cert-pki-kra',
    profile: 'caAuditSigningCert',
    subsystem: 'kra',
    storage: 'token',
    subject: 'KRA Audit',
    shared: true,
    directives: [{ file: 'kra', directive: 'kra.audit_signing.cert' }],
  },
  { nickname: 'ipaCert', profile: 'caSubsystemCert', subsystem: 'ra', storage: 'file', subject: 'IPA RA', shared: true, directives: [] },
];
