import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { ourRequests } from './ours.js';

/** iterate.c:508: without an end there is no moment to renew at. */
export const expiryKnown: Check = {
  source: 'hsmonger.certmonger',
  name: 'ExpiryKnown',
  about: 'certmonger knows when each certificate ends, without which it never renews it.',
  run: ({ certmonger, instance }) =>
    known(certmonger, ({ requests }) =>
      orFine(
        ourRequests(instance, requests)
          .filter(({ request }) => request.certificate.notAfter === undefined)
          .map(({ config: { nickname }, request }): Finding => ({
            severity: 'error',
            key: nickname,
            message: `certmonger never saw the certificate '${nickname}' (request '${request.nickname}'), so it does not know its end and never renews it.`,
            fix: `Bring token and NSS database back, then let it look again: systemctl restart certmonger.`,
          })),
        'certmonger knows the end of every certificate.',
      ),
    ),
};
