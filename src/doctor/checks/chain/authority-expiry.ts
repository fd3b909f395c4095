import type { Certificate } from '../../../x509/certificate.js';
import { equalBytes } from '../../../x509/der.js';
import { nameText } from '../../../x509/names/name.js';
import type { Check } from '../../check.js';
import { known, orFine } from '../../known.js';
import { expiryFinding } from './expiry.js';
import { above, read } from './read.js';

/** What stands above the instance's certificates and is none of them: nobody here renews it. */
export const authorityExpiry: Check = {
  source: 'hsmonger.chain',
  name: 'AuthorityExpiry',
  about: 'Everything above the certificates is valid for 28 days or more.',
  run: ({ chain, now }) =>
    known(chain, (facts) => {
      const own = read(facts).map(({ certificate }) => certificate);
      const others = own
        .flatMap((certificate) => above(certificate, facts))
        .filter((one, at, all) => !holds(own, one) && all.findIndex((other) => equalBytes(other.der, one.der)) === at);
      return orFine(
        others.flatMap((certificate) =>
          expiryFinding(
            certificate,
            now,
            nameText(certificate.subject),
            `The CA certificate ${nameText(certificate.subject)}, which stands above certificates of this instance,`,
            'Have whoever runs that CA renew it, and hand the new one to hsmonger ca import or ipa-cacert-manage install.',
          ),
        ),
        'Everything above the certificates lasts for 28 days or more.',
      );
    }),
};

function holds(certificates: readonly Certificate[], { der }: Certificate): boolean {
  return certificates.some((one) => equalBytes(one.der, der));
}
