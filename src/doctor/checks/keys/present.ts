import { keyProven } from '../../../tracking/checks/key-proven.js';
import type { Check } from '../../check.js';
import { asFindings, known } from '../../known.js';
import { sightingsOf, storesOf } from '../../stores.js';
import { orUnopened } from './unopened.js';

export const keyPresent: Check = {
  source: 'hsmonger.keys',
  name: 'KeyPresent',
  about: 'The private key of each certificate lies in the same store, with the same CKA_ID; seen with --login only.',
  run: (facts) =>
    known(facts.internal, (internal) => {
      const stores = storesOf(facts);
      // CertificatePresent tells of a certificate that is not there; NssPassword of a database that could not be opened.
      const seen = sightingsOf(facts).filter(({ certificate, storage }) => certificate !== undefined && stores.some(({ kind, opened }) => opened && kind === storage.kind));
      const refusals = keyProven({ seen, stores, instance: facts.instance, files: [], nss: internal === 'none' ? {} : { internal } });
      return orUnopened(facts, seen.length, asFindings(refusals, 'critical'), 'has its private key beside it');
    }),
};
