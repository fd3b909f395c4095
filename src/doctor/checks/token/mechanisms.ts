import { tokenListed } from '../../../tracking/checks/token-listed.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { asFindings, ofPresentToken, orFine } from '../../known.js';

export const tokenMechanisms: Check = {
  source: 'hsmonger.token',
  name: 'TokenMechanisms',
  about: 'The token lists the mechanisms that signing, and certmonger with its versions, need.',
  run: (facts) =>
    ofPresentToken(facts, (token) => {
      const { description: { label }, mechanisms } = token;
      const lists = (name: string) => mechanisms.includes(name);
      const findings: Finding[] = asFindings(tokenListed({ token }), 'error');
      const { issuer } = facts.instance;
      const hashing = `CKM_${((issuer.type === 'token' ? issuer.digest : undefined) ?? 'sha256').toUpperCase()}_RSA_PKCS`;
      if (!lists('CKM_RSA_PKCS') && !lists(hashing)) {
        findings.push({ severity: 'error', key: hashing, message: `The token '${label}' lists neither ${hashing} nor CKM_RSA_PKCS, so it cannot sign a certificate or a request.`, fix: "Allow one of them in the HSM's policy for this partition." });
      }
      if (!lists('CKM_RSA_X_509')) {
        findings.push({ severity: 'warning', key: 'CKM_RSA_X_509', message: `The token '${label}' does not list CKM_RSA_X_509, without which certmonger before 0.79.19 cannot save a certificate there and tries for ever (certsave-n.c:213).`, fix: "Use certmonger 0.79.19 or later, or allow raw RSA in the HSM's policy." });
      }
      return orFine(findings, `The token '${label}' lists what is needed.`, label);
    }),
};
