import { allows } from '../../../x509/extensions/extensions.js';
import { role } from '../../../x509/path.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { read } from './read.js';

/** certmonger's request for an adopted CA certificate says CA:FALSE: a signer that copies it makes a leaf of the CA (design rule 3). */
export const authorityIsCa: Check = {
  source: 'hsmonger.chain',
  name: 'AuthorityIsCa',
  about: 'The CA certificate is still a CA certificate, and no other is one.',
  run: ({ chain, instance }) =>
    known(chain, (facts) =>
      orFine(
        read(facts).flatMap(({ nickname, profile, certificate }): Finding[] => {
          const ca = profile === 'caCACert';
          if (ca && (role(certificate) === 'leaf' || allows(certificate, 'keyCertSign') === false)) {
            return [
              {
                severity: 'critical',
                key: nickname,
                message: `The CA certificate '${nickname}' is no CA certificate (basic constraints or key usage deny it), so nothing it has issued validates.`,
                fix: `Put back the one before from ${instance.name}'s superseded certificates or the backup, and renew it with hsmonger renew '${nickname}'.`,
              },
            ];
          }
          if (!ca && role(certificate) === 'ca')
            return [
              {
                severity: 'error',
                key: nickname,
                message: `The certificate '${nickname}' has the profile ${profile} and is a CA certificate all the same.`,
                fix: `Correct its profile in ${instance.file}, or have it issued anew without basicConstraints CA:TRUE.`,
              },
            ];
          return [];
        }),
        'CA certificates are CA certificates, and no others are.',
      ),
    ),
};
