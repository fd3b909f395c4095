import type { Certificate } from '../x509/certificate.js';
import { extendedKeyUsages } from '../x509/extensions/extensions.js';
import { oids } from '../x509/oids.js';
import { role } from '../x509/path.js';
import type { ProfileName } from '../config/profile-names.js';

/** The profile a certificate's own extensions speak for. What says nothing gets one that adds nothing. */
export function inferProfile(certificate: Certificate): ProfileName {
  const usages = extendedKeyUsages(certificate.extensions);
  if (role(certificate) === 'ca') return 'caCACert';
  if (usages.includes(oids.ocspSigning)) return 'caOCSPCert';
  if (usages.includes(oids.serverAuth)) return 'caServerCert';
  return usages.includes(oids.clientAuth) ? 'caSubsystemCert' : 'caSignedLogCert';
}
