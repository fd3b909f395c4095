import { equalBytes } from '../../../x509/der.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { read } from '../chain/read.js';

/** cn=certificates: what every member of the domain trusts. */
export const authorityTrusted: Check = {
  source: 'hsmonger.servers',
  name: 'AuthorityTrusted',
  about: "The CA's certificate is among those the domain trusts.",
  run: ({ servers: { directory }, chain, instance }) => {
    if (directory === undefined)
      return [{ severity: 'success', key: 'all', message: 'This instance has no directory to publish its CA certificate in.' }];
    return known(directory, ({ trusted }) =>
      known(chain, (facts) =>
        orFine(
          read(facts)
            .filter(
              ({ nickname, profile, certificate }) =>
                profile === 'caCACert' &&
                instance.certificates.some((config) => config.nickname === nickname && config.authority === undefined) &&
                !trusted.some((der) => equalBytes(der, certificate.der)),
            )
            .map(({ nickname }): Finding => ({
              severity: 'error',
              key: nickname,
              message: `The CA certificate '${nickname}' is not below cn=certificates, so the domain's members do not get it.`,
              fix: 'Publish it on the renewal master with: hsmonger renew; then run ipa-certupdate on the members.',
            })),
          'The domain trusts the CA certificate.',
        ),
      ),
    );
  },
};
