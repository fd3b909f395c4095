import type { Change, Difference } from '../../../tracking/plan.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';

export const requestsRight: Check = {
  source: 'hsmonger.tracking',
  name: 'RequestsRight',
  about: 'Each request has the right place, CA, profile, token, PIN file, nss-user and commands, and renews by itself.',
  run: ({ certmonger }) =>
    known(certmonger, ({ tracking }) =>
      known(tracking, ({ changes }) =>
        orFine(
          changes.flatMap((change): Finding[] =>
            change.kind === 'modify' || change.kind === 'replace'
              ? [
                  {
                    severity: 'error',
                    key: change.request.nickname,
                    message: `certmonger's request '${change.id}' for '${change.request.nickname}' is not as it should be: ${change.differences.map(inWords).join('; ')}.`,
                    fix: 'Put it right with: hsmonger track apply.',
                    ...(correctable(change) ? { remedy: { kind: 'reconcile' } } : {}),
                  },
                ]
              : [],
          ),
          'Every request is as the instance file wants it.',
        ),
      ),
    ),
};

function inWords({ field, now, wanted }: Difference): string {
  return `${field} is ${now === undefined ? 'not set' : `'${now}'`} and should be ${wanted === undefined ? 'none' : `'${wanted}'`}`;
}

/**
 * Key and certificate in another place want another request, and one with another id is somebody else's: whoever runs `track apply`
 * decides.
 */
function correctable(change: Change): boolean {
  return change.kind === 'modify' && change.differences.every(({ field }) => field !== 'request id');
}
