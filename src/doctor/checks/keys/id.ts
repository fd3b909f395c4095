import { keyId as refusalsOf } from '../../../tracking/checks/key-id.js';
import type { Check } from '../../check.js';
import { asFindings } from '../../known.js';
import { sightingsOf } from '../../stores.js';
import { orUnopened } from './unopened.js';

/** Design rule 2: renewing a key of another CKA_ID loses it (certmonger 0.79.17, certsave-n.c:826). */
export const keyId: Check = {
  source: 'hsmonger.keys',
  name: 'KeyId',
  about: "Each key's CKA_ID is the SHA-1 of its public value, as NSS looks for it; seen with --login only.",
  run: (facts) => {
    const seen = sightingsOf(facts).filter(({ key }) => key !== undefined);
    return orUnopened(
      facts,
      seen.length,
      asFindings(refusalsOf({ seen, instance: facts.instance }), 'critical'),
      'has a key with the CKA_ID that NSS computes',
    );
  },
};
