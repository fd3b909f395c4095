import type { Check } from '../../check.js';
import { known } from '../../known.js';

export const trackingKnown: Check = {
  source: 'hsmonger.tracking',
  name: 'TrackingCompared',
  about: 'What certmonger has could be compared with what it should have.',
  run: ({ certmonger }) =>
    known(certmonger, ({ tracking }) => [
      tracking.known
        ? { severity: 'success', key: 'requests', message: "certmonger's requests were compared with the instance file." }
        : {
            severity: 'warning',
            key: 'requests',
            message: `Whether certmonger's requests are right is not known: ${tracking.why}`,
            fix: 'Mend that, then look again; hsmonger track plan shows the same comparison.',
          },
    ]),
};
