import type { SignatureChoice } from '../../../config/signature-algorithm.js';
import { HsmongerError } from '../../../errors.js';
import { mechanismNames } from '../../../pkcs11/signing/mechanism-names.js';
import { certmongerMechanisms } from '../../../tracking/certmonger-mechanisms.js';
import { tokenListed } from '../../../tracking/checks/token-listed.js';
import { keyFacts } from '../../../x509/public-key.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { fittingAlgorithm } from '../../../x509/signature-algorithm.js';
import type { Check } from '../../check.js';
import type { DoctorFacts } from '../../facts.js';
import type { TokenSight } from '../../facts/token.js';
import type { Finding } from '../../finding.js';
import { asFindings, ofPresentToken, orFine } from '../../known.js';
import { sightingsOf } from '../../stores.js';

type PresentToken = Extract<TokenSight['token'], { ok: true }>;

export const tokenMechanisms: Check = {
  source: 'hsmonger.token',
  name: 'TokenMechanisms',
  about: 'The token lists the mechanisms that signing, and certmonger with its versions, need.',
  run: (facts) =>
    ofPresentToken(facts, (token) => {
      const { label } = token.description;
      const findings = [...asFindings(tokenListed({ token }), 'error'), ...issuing(facts, token), ...requesting(facts, token)];
      return orFine(findings, `The token '${label}' lists what is needed.`, label);
    }),
};

/**
 * What the CA's key signs with, by its own type, as its certificates on the token tell it; of one that cannot be read CertificateReadable
 * tells.
 */
function issuing(
  { instance: { issuer, partOn } }: DoctorFacts,
  { description: { label }, mechanisms, certificates }: PresentToken,
): Finding[] {
  if (issuer.type !== 'token' || partOn !== undefined) return [];
  const named = certificates.filter((certificate) => certificate.label === issuer.certificate);
  const missing = named
    .map(({ der }) => waysOf(der, issuer))
    .find((ways) => ways !== undefined && !ways.some((name) => mechanisms.includes(name)));
  if (missing === undefined) return [];
  const [best] = missing;
  return best === undefined
    ? [
        {
          severity: 'error',
          key: issuer.certificate,
          message: `The key of '${issuer.certificate}' is of a kind hsmonger does not sign with: it takes RSA, P-256, P-384, P-521 and Ed25519.`,
          fix: 'Name another CA as issuer.certificate in the instance file.',
        },
      ]
    : [
        {
          severity: 'error',
          key: best,
          message: `The token '${label}' does not list ${missing.join(' or ')}, so '${issuer.certificate}' cannot sign there.`,
          fix: "Allow it in the HSM's policy for this partition, or choose another 'digest' or 'rsa-signature' in the instance file.",
        },
      ];
}

/** Names of the mechanisms by which the certificate's key could sign, the best first; none for a kind of key nobody here signs with. */
function waysOf(der: Uint8Array, choice: SignatureChoice): readonly string[] | undefined {
  try {
    const { spki } = parseCertificate(der);
    return mechanismNames(fittingAlgorithm(spki, choice, 'It'));
  } catch (error) {
    return error instanceof HsmongerError && error.code === 'MECHANISM_UNSUPPORTED' ? [] : undefined;
  }
}

/** What certmonger needs for the certificates it tracks there. */
function requesting(facts: DoctorFacts, { description: { label }, mechanisms }: PresentToken): Finding[] {
  const types = sightingsOf(facts).flatMap(({ storage, certificate }) =>
    storage.kind === 'token' && certificate !== undefined ? [keyFacts(certificate.spki).type] : [],
  );
  return certmongerMechanisms(mechanisms, types)
    .filter(({ name, listed }) => !listed && name !== 'CKM_RSA_PKCS_KEY_PAIR_GEN')
    .map(({ name, why }) =>
      name === 'CKM_RSA_X_509'
        ? {
            severity: 'warning',
            key: name,
            message: `The token '${label}' does not list CKM_RSA_X_509, without which certmonger before 0.79.19 cannot save a certificate there and tries for ever (certsave-n.c:213).`,
            fix: "Use certmonger 0.79.19 or later, or allow raw RSA in the HSM's policy.",
          }
        : {
            severity: 'error',
            key: name,
            message: `The token '${label}' does not list ${name}: ${why}.`,
            fix: "Allow it in the HSM's policy for this partition.",
          },
    );
}
