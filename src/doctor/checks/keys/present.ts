import { keyProven } from '../../../tracking/checks/key-proven.js';
import type { Check } from '../../check.js';
import { asFindings } from '../../known.js';
import { insideOf, sightingsOf, storesOf } from '../../stores.js';
import { orUnopened } from './unopened.js';

export const keyPresent: Check = {
  source: 'hsmonger.keys',
  name: 'KeyPresent',
  about: 'The private key of each certificate lies in the same store, with the same CKA_ID; seen with --login only.',
  run: (facts) => {
    const stores = storesOf(facts);
    // CertificatePresent tells of a certificate that is not there; NssPassword of a database that could not be opened.
    const seen = sightingsOf(facts).filter(
      ({ certificate, storage }) => certificate !== undefined && stores.some(({ kind, opened }) => opened && kind === storage.kind),
    );
    const refusals = keyProven({ seen, stores, instance: facts.instance, files: [], nss: insideOf(facts) });
    return orUnopened(facts, seen.length, asFindings(refusals, 'critical'), 'has its private key beside it');
  },
};
