import type { Check } from '../preflight.js';

/** A helper that cannot be run is retried every 30 s for ever (submit-e.c:1006), and is not even asked again for a year (cadata.c:112). */
export const helperRuns: Check = ({ helper, submitCommand }) =>
  helper.answers
    ? []
    : [
        {
          check: 'helper-runs',
          problem: `The CA helper does not run as certmonger would run it (${submitCommand}): ${helper.failure}.`,
          fix: 'Install hsmonger anew (npm run build in a clone), and check that root may execute the file and its interpreter.',
        },
      ];
