import type { Instance } from '../../../config/instance.js';
import { tokenListed } from '../../../tracking/checks/token-listed.js';
import { tokenSigns } from '../../../tracking/checks/token-signs.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { keyFacts, type KeyFacts } from '../../../x509/public-key.js';
import type { Check } from '../../check.js';
import type { DoctorFacts } from '../../facts.js';
import type { Finding } from '../../finding.js';
import { asFindings, ofPresentToken, orFine } from '../../known.js';
import { sightingsOf } from '../../stores.js';

export const tokenMechanisms: Check = {
  source: 'hsmonger.token',
  name: 'TokenMechanisms',
  about: 'The token lists the mechanisms that signing, and certmonger with its versions, need.',
  run: (facts) =>
    ofPresentToken(facts, (token) => {
      const { description: { label }, mechanisms } = token;
      const lists = (name: string) => mechanisms.includes(name);
      const findings: Finding[] = asFindings(tokenListed({ token }), 'error');
      for (const [hashing, plain] of kindsOf(facts).flatMap((type) => signing(type, facts.instance))) {
        if (lists(plain) || lists(hashing)) continue;
        findings.push({ severity: 'error', key: hashing, message: `The token '${label}' lists neither ${hashing} nor ${plain}, so it cannot sign a certificate or a request.`, fix: "Allow one of them in the HSM's policy for this partition." });
      }
      // Where it can sign in neither way, that is said above.
      const requests = asFindings(tokenSigns({ seen: sightingsOf(facts), token, instance: facts.instance }), 'error');
      if (findings.every(({ key }) => !/^CKM_(?:SHA\d+_RSA_PKCS|ECDSA_)/u.test(key))) findings.push(...requests);
      if (!lists('CKM_RSA_X_509')) {
        findings.push({ severity: 'warning', key: 'CKM_RSA_X_509', message: `The token '${label}' does not list CKM_RSA_X_509, without which certmonger before 0.79.19 cannot save a certificate there and tries for ever (certsave-n.c:213).`, fix: "Use certmonger 0.79.19 or later, or allow raw RSA in the HSM's policy." });
      }
      return orFine(findings, `The token '${label}' lists what is needed.`, label);
    }),
};

/** The mechanism that hashes too, and the one that signs what is hashed already. */
function signing(type: KeyFacts['type'], { issuer }: Instance): readonly (readonly [string, string])[] {
  const digest = ((issuer.type === 'token' ? issuer.digest : undefined) ?? 'sha256').toUpperCase();
  switch (type) {
    case 'RSA':
      return issuer.type === 'token' && issuer.rsaSignature === 'pss' ? [[`CKM_${digest}_RSA_PKCS_PSS`, 'CKM_RSA_PKCS_PSS']] : [[`CKM_${digest}_RSA_PKCS`, 'CKM_RSA_PKCS']];
    case 'EC':
      return [[`CKM_ECDSA_${digest}`, 'CKM_ECDSA']];
    case 'Ed25519':
      return [['CKM_EDDSA', 'CKM_EDDSA']];
    case 'other':
      return [];
  }
}

/** Of the keys that sign here: those of the instance's certificates on the token, and the issuing CA's. */
function kindsOf(facts: DoctorFacts): KeyFacts['type'][] {
  const { instance, token } = facts;
  const issuer = instance.issuer.type === 'token' && instance.partOn === undefined ? instance.issuer.certificate : undefined;
  const objects = token.known && token.value !== 'none' && token.value.token.ok ? token.value.token.certificates : [];
  const own = objects.filter(({ label }) => label === issuer || instance.certificates.some(({ nickname, storage }) => storage.kind === 'token' && nickname === label));
  return [...new Set(own.flatMap(({ der }) => kindOf(der)))];
}

function kindOf(der: Uint8Array): KeyFacts['type'][] {
  try {
    return [keyFacts(parseCertificate(der).spki).type];
  } catch {
    // CertificateReadable tells of it.
    return [];
  }
}
