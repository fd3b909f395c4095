import { isProfileName, type ProfileName } from '../../../config/profile-names.js';
import { profiles } from '../../../issuer/profiles.js';
import type { Certificate } from '../../../x509/certificate.js';
import { allows, extendedKeyUsages, findExtension, type KeyUsage } from '../../../x509/extensions/extensions.js';
import { oids } from '../../../x509/oids.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { read } from './read.js';

/** Of these at least one must be allowed for the certificate to do its work. */
const work: Readonly<Record<ProfileName, readonly KeyUsage[]>> = {
  caCACert: ['keyCertSign'],
  caOCSPCert: ['digitalSignature', 'nonRepudiation'],
  caSignedLogCert: ['digitalSignature', 'nonRepudiation'],
  caAuditSigningCert: ['digitalSignature', 'nonRepudiation'],
  caSubsystemCert: ['digitalSignature', 'keyEncipherment'],
  caServerCert: ['digitalSignature', 'keyEncipherment', 'keyAgreement'],
  caUserCert: ['digitalSignature', 'nonRepudiation', 'keyEncipherment', 'keyAgreement'],
  caTransportCert: ['keyEncipherment', 'dataEncipherment', 'keyAgreement'],
  caStorageCert: ['keyEncipherment', 'dataEncipherment', 'keyAgreement'],
};

export const usagesFit: Check = {
  source: 'hsmonger.chain',
  name: 'UsagesFit',
  about: 'Key usages and extended key usages of each certificate allow what its profile is for.',
  run: ({ chain }) =>
    known(chain, (facts) =>
      orFine(
        read(facts).flatMap(({ nickname, profile, certificate }): Finding[] => {
          const faults = isProfileName(profile) ? faultsOf(profile, certificate) : [];
          return faults.length === 0
            ? []
            : [
                {
                  severity: 'error',
                  key: nickname,
                  message: `The certificate '${nickname}' cannot do the work of its profile ${profile}: ${faults.join('; ')}.`,
                  fix: 'Correct its profile in the instance file, or have it issued anew with that profile.',
                },
              ];
        }),
        'Every certificate may do what its profile is for.',
      ),
    ),
};

function faultsOf(profile: ProfileName, certificate: Certificate): string[] {
  const { requires } = profiles[profile];
  const extended = extendedKeyUsages(certificate.extensions);
  const faults: string[] = [];
  if (work[profile].every((usage) => allows(certificate, usage) === false))
    faults.push(`its key usage allows neither ${work[profile].join(' nor ')}`);
  for (const oid of requires.extendedKeyUsage)
    if (!extended.includes(oid)) faults.push(`it lacks the extended key usage ${usageNames[oid] ?? oid}`);
  // Without any extended key usage every one is allowed (RFC 5280 §4.2.1.12).
  if (profile === 'caServerCert' && extended.length > 0 && !extended.includes(oids.serverAuth))
    faults.push('its extended key usage lacks serverAuth');
  if (requires.ocspNoCheck && findExtension(certificate.extensions, oids.ocspNoCheck) === undefined)
    faults.push('it lacks ocsp-nocheck, so clients ask it about itself');
  return faults;
}

const usageNames: Readonly<Record<string, string>> = { [oids.ocspSigning]: 'OCSPSigning' };
