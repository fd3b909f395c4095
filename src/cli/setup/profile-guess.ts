import { inferProfile } from '../../issuer/infer-profile.js';
import type { ProfileName } from '../../config/profile-names.js';
import type { Certificate } from '../../x509/certificate.js';

/**
 * Dogtag's and FreeIPA's nicknames (freeipa: install/cainstance.py, krainstance.py); the subsystem behind the blank decides about the audit
 * log.
 */
const nicknames: readonly (readonly [RegExp, ProfileName])[] = [
  [/^caSigningCert\b/iu, 'caCACert'],
  [/^ocspSigningCert\b/iu, 'caOCSPCert'],
  [/^auditSigningCert\b.*-kra$/iu, 'caAuditSigningCert'],
  [/^auditSigningCert\b/iu, 'caSignedLogCert'],
  [/^subsystemCert\b/iu, 'caSubsystemCert'],
  [/^transportCert\b/iu, 'caTransportCert'],
  [/^storageCert\b/iu, 'caStorageCert'],
  [/^Server-Cert\b/iu, 'caServerCert'],
];

/** The profile a certificate was issued under: by its nickname where that is one of Dogtag's, else by its extensions. */
export function guessProfile(nickname: string, certificate: Certificate): ProfileName {
  return nicknames.find(([pattern]) => pattern.test(nickname))?.[1] ?? inferProfile(certificate);
}
