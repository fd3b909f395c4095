import { subjects } from '../../../tracking/checks/subjects.js';
import type { Check } from '../../check.js';
import { asFindings, orFine } from '../../known.js';
import { sightingsOf, storesOf } from '../../stores.js';

/** Design rule 2: certmonger deletes what shares a nickname or a subject, with its key (certsave-n.c:472-560). */
export const certificateSubjects: Check = {
  source: 'hsmonger.certificates',
  name: 'CertificateSubjects',
  about: 'No two certificates of a store share a subject under two nicknames, or a nickname with two subjects.',
  run: (facts) => {
    // One line for each pair: pre-flight tells it once for every superseded copy.
    const refusals = subjects({ seen: sightingsOf(facts), stores: storesOf(facts) }).filter(
      ({ problem }, index, all) => all.findIndex((other) => other.problem === problem) === index,
    );
    return orFine(asFindings(refusals, 'critical'), 'Each subject goes with one nickname.', 'subjects');
  },
};
