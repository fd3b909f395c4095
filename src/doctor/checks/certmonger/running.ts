import type { Check } from '../../check.js';

export const certmongerRunning: Check = {
  source: 'hsmonger.certmonger',
  name: 'CertmongerRunning',
  about: 'certmonger runs, answers, and is the program that is installed.',
  run: ({ certmonger }) => {
    if (!certmonger.known)
      return [
        {
          severity: 'critical',
          key: 'certmonger',
          message: `certmonger cannot be asked, so nothing is known of its requests: ${certmonger.why}`,
          fix: 'Start it with: systemctl start certmonger; and look into its journal when it does not stay up.',
        },
      ];
    if (certmonger.value.replaced)
      return [
        {
          severity: 'warning',
          key: 'certmonger',
          message: 'certmonger was updated and still runs as the program it was started from.',
          fix: 'Restart it with: systemctl restart certmonger.',
        },
      ];
    return [{ severity: 'success', key: 'certmonger', message: 'certmonger runs and answers.' }];
  },
};
