import type { ProfileName } from '../../issuer/profile-names.js';
import type { Certificate } from '../../x509/certificate.js';
import { allows, extendedKeyUsages, findExtension } from '../../x509/extensions.js';
import { oids } from '../../x509/oids.js';

/** Dogtag's and FreeIPA's nicknames (freeipa: install/cainstance.py, krainstance.py); the subsystem behind the blank decides about the audit log. */
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

/** The profile a certificate was issued under: by its nickname where that is one of Dogtag's, else by its extensions; undefined when neither says. */
export function guessProfile(nickname: string, certificate: Pick<Certificate, 'isCa' | 'extensions'>): ProfileName | undefined {
  return nicknames.find(([pattern]) => pattern.test(nickname))?.[1] ?? byExtensions(certificate);
}

function byExtensions(certificate: Pick<Certificate, 'isCa' | 'extensions'>): ProfileName | undefined {
  if (certificate.isCa) return 'caCACert';
  const purposes = extendedKeyUsages(certificate.extensions);
  if (purposes.includes(oids.ocspSigning)) return 'caOCSPCert';
  // Both name servers; only a server proper is known by its host names.
  const named = findExtension(certificate.extensions, oids.subjectAltName) !== undefined;
  if (purposes.includes(oids.serverAuth)) return named || !purposes.includes(oids.clientAuth) ? 'caServerCert' : 'caSubsystemCert';
  if (purposes.includes(oids.clientAuth)) return 'caSubsystemCert';
  // Signs records and nothing else: what Dogtag gives its audit log's certificate.
  const signsOnly = allows(certificate, 'digitalSignature') === true && allows(certificate, 'nonRepudiation') === true && allows(certificate, 'keyEncipherment') === false;
  return purposes.length === 0 && signsOnly ? 'caSignedLogCert' : undefined;
}
