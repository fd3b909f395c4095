import { certificateLabels as refusalsOf } from '../../../tracking/checks/certificate-labels.js';
import type { Check } from '../../check.js';
import { asFindings, orFine } from '../../known.js';
import { storesOf } from '../../stores.js';

/** certmonger crashes on one, and leaves a new key at each attempt (keygen-n.c:657). */
export const certificateLabels: Check = {
  source: 'hsmonger.certificates',
  name: 'CertificateLabels',
  about: 'Every certificate object on the token and in the NSS database has a label: certmonger crashes on one without.',
  run: (facts) =>
    orFine(asFindings(refusalsOf({ stores: storesOf(facts) }), 'critical'), 'Every certificate object has a label.', 'labels'),
};
