import { nameText } from '../../../x509/names/name.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { above, read } from './read.js';

export const authorityOutlives: Check = {
  source: 'hsmonger.chain',
  name: 'AuthorityOutlives',
  about: 'Each CA lasts at least as long as what it has issued.',
  run: ({ chain }) =>
    known(chain, (facts) =>
      orFine(
        read(facts).flatMap(({ nickname, certificate }): Finding[] => {
          const [issuer] = above(certificate, facts);
          if (issuer === undefined || issuer.notAfter >= certificate.notAfter) return [];
          return [
            {
              severity: 'warning',
              key: nickname,
              message: `The certificate '${nickname}' (until ${certificate.notAfter.toISOString()}) outlives its CA ${nameText(issuer.subject)} (until ${issuer.notAfter.toISOString()}), and is worth nothing after that.`,
              fix: 'Renew the CA certificate first.',
            },
          ];
        }),
        'Every CA outlives what it has issued.',
      ),
    ),
};
