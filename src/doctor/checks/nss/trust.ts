import { sameTrust, trustOf } from '../../../nss/trust.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { ofNssContents, orFine } from '../../known.js';
import { trustFinding } from './trust-finding.js';

/** NSS keeps trust here for the token's copies too, and copies a certificate in for that; where no trust is wanted there need be none. */
export const nssTrust: Check = {
  source: 'hsmonger.nss',
  name: 'NssTrust',
  about: 'Each certificate has the trust its profile asks for (as Dogtag expects) in the NSS database itself.',
  run: (facts) =>
    ofNssContents(facts, ({ internal }) => {
      const { instance } = facts;
      const findings = instance.certificates.flatMap(({ nickname, profile, storage }): Finding[] => {
        if (storage.kind === 'file') return [];
        const wanted = trustOf(profile);
        const found = internal.filter((listed) => listed.nickname === nickname).map(({ trust }) => trust);
        // One that is nowhere is CertificatePresent's business.
        if (found.length === 0 && (storage.kind === 'internal' || sameTrust(wanted, ',,'))) return [];
        return found.some((trust) => sameTrust(trust, wanted))
          ? []
          : [trustFinding({ nickname, wanted, found, store: 'internal', where: `the NSS database ${instance.nss.database}` })];
      });
      return orFine(findings, 'Every certificate has its trust in the NSS database.', 'trust');
    }),
};
