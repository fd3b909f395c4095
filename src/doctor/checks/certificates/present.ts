import { keyProven } from '../../../tracking/checks/key-proven.js';
import type { Check } from '../../check.js';
import { asFindings, orFine } from '../../known.js';
import { insideOf, sightingsOf, storesOf } from '../../stores.js';

export const certificatePresent: Check = {
  source: 'hsmonger.certificates',
  name: 'CertificatePresent',
  about: 'There is a certificate of each nickname of the instance file where that says it lies (token or NSS database).',
  run: (facts) => {
    const seen = sightingsOf(facts);
    const missing = seen.filter(({ certificate }) => certificate === undefined);
    const refusals = keyProven({ seen: missing, stores: storesOf(facts), instance: facts.instance, files: [], nss: insideOf(facts) });
    return orFine(
      asFindings(refusals, 'critical'),
      `Each of ${String(seen.length)} certificates is where the instance file says.`,
      'certificates',
    );
  },
};
