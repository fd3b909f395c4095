import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';

export const requestsPresent: Check = {
  source: 'hsmonger.tracking',
  name: 'RequestsPresent',
  about: 'Each certificate of the instance file has its request, and no request is left of one that is not there any more.',
  run: ({ certmonger, instance }) =>
    known(certmonger, ({ tracking, requests }) =>
      known(tracking, ({ changes }) =>
        orFine(
          changes.flatMap((change): Finding[] => {
            switch (change.kind) {
              case 'add':
                return [
                  {
                    severity: 'error',
                    key: change.request.nickname,
                    message: `certmonger does not track '${change.request.nickname}', so nobody renews it.`,
                    fix: 'Track it with: hsmonger track apply.',
                    remedy: { kind: 'reconcile' },
                  },
                ];
              case 'remove':
                return [
                  {
                    severity: 'warning',
                    key: change.id,
                    message: `certmonger still has the request '${change.id}'${change.nickname === undefined ? '' : ` for '${change.nickname}'`}, which ${instance.file} does not name any more.`,
                    fix: 'End it with: hsmonger track apply; key and certificate stay.',
                  },
                ];
              case 'modify':
              case 'replace':
                return [];
            }
          }),
          `certmonger has ${String(requests.length)} requests, and none of this instance is missing or left over.`,
        ),
      ),
    ),
};
