import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { pathOf, read } from './read.js';

export const chainValid: Check = {
  source: 'hsmonger.chain',
  name: 'ChainValid',
  about: "Each certificate's chain reaches a root, by names, signatures, key usages and path lengths.",
  run: ({ chain, instance }) => {
    if (!chain.known)
      return [
        {
          severity: 'error',
          key: 'certificates',
          message: `The certificates could not be looked at: ${chain.why}`,
          fix: 'Mend that, then look again.',
        },
      ];
    return known(chain, (facts) => {
      const elsewhere = facts.troubles.length === 0 ? '' : ` It may be where nobody could look: ${facts.troubles.join(' ')}`;
      return orFine(
        read(facts).flatMap(({ nickname, certificate }): Finding[] => {
          const path = pathOf(certificate, facts);
          return 'fault' in path
            ? [
                {
                  severity: 'error',
                  key: nickname,
                  message: `The certificate '${nickname}' does not validate: ${path.fault}.${elsewhere}`,
                  fix: `Put what is missing into the NSS database ${instance.nss.database}, or hand it to hsmonger ca import.`,
                },
              ]
            : [];
        }),
        `The chain of each of ${String(facts.certificates.length)} certificates reaches a root.`,
      );
    });
  },
};
