import type { Check } from '../../check.js';
import { known, orFine } from '../../known.js';
import { expiryFinding } from './expiry.js';
import { read } from './read.js';

export const certificateExpiry: Check = {
  source: 'hsmonger.chain',
  name: 'CertificateExpiry',
  about: 'Each certificate of the instance is valid for 28 days or more.',
  run: ({ chain, now }) =>
    known(chain, (facts) =>
      orFine(
        read(facts).flatMap(({ nickname, certificate }) =>
          expiryFinding(
            certificate,
            now,
            nickname,
            `The certificate '${nickname}'`,
            `See what its renewal waits for with hsmonger status, or renew it now: hsmonger renew '${nickname}'.`,
          ),
        ),
        'Every certificate lasts for 28 days or more.',
      ),
    ),
};
