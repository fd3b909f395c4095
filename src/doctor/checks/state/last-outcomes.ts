import { keyFingerprint } from '../../../x509/public-key.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { ourRequests } from '../certmonger/ours.js';
import { read } from '../chain/read.js';

/** certmonger forgets what was said with exit 5; the ledger does not (design rule 8). */
export const lastOutcomes: Check = {
  source: 'hsmonger.state',
  name: 'LastOutcomes',
  about: 'The helper answered the last request for each certificate with a certificate.',
  run: ({ state, chain, certmonger, instance }) =>
    known(state, ({ outcomes, watchdog }) =>
      known(chain, (facts) => {
        // What a request that is asking was answered, RequestsMoving tells.
        const underWay = new Set(
          certmonger.known
            ? ourRequests(instance, certmonger.value.requests).flatMap(({ config, request }) =>
                request.status === 'MONITORING' && request.caError === undefined ? [] : [config.nickname],
              )
            : [],
        );
        return orFine(
          read(facts)
            .filter(({ nickname }) => !underWay.has(nickname))
            .flatMap(({ nickname, profile, certificate }): Finding[] => {
              const key = keyFingerprint(certificate.spki);
              const last = outcomes.find((one) => one.subjectKey === key && one.profile === profile);
              // A certificate that became valid later came by another way.
              if (last !== undefined && last.code !== 'ISSUED' && last.at >= certificate.notBefore)
                return [
                  {
                    severity: 'warning',
                    key: nickname,
                    message: `The last attempt to renew '${nickname}', at ${last.at.toISOString()}, gave: ${last.message}`,
                    fix: `Mend what it says; docs/errors.md has ${last.code}. It is tried again by itself.`,
                  },
                ];
              if (watchdog === undefined || (last !== undefined && last.at >= watchdog.at) || watchdog.at < certificate.notBefore)
                return [];
              return [
                {
                  severity: 'warning',
                  key: nickname,
                  message: `The helper was once too slow, at ${watchdog.at.toISOString()}, and '${nickname}' had no answer since: ${watchdog.message}`,
                  fix: 'See what is slow; helper.deadline-seconds in the instance file gives it more time.',
                },
              ];
            }),
          'The last attempt for each certificate gave one, or none was made.',
        );
      }),
    ),
};
