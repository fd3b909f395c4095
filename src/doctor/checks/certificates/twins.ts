import type { TokenCertificate } from '../../../pkcs11/token.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { orFine } from '../../known.js';
import { storesOf } from '../../stores.js';

/** Certificates of one key share its CKA_ID by right; the same certificate twice does nobody good. */
export const certificateTwins: Check = {
  source: 'hsmonger.certificates',
  name: 'CertificateTwins',
  about: 'No certificate lies twice in a store, and no CKA_ID stands for certificates of two nicknames.',
  run: (facts) => {
    const findings = storesOf(facts).flatMap(({ name, certificates }) => [...copies(certificates, name), ...sharedIds(certificates, name)]);
    return orFine(findings, 'No certificate object is there twice.', 'twins');
  },
};

function copies(certificates: readonly TokenCertificate[], where: string): Finding[] {
  const seen = grouped(certificates, ({ der }) => Buffer.from(der).toString('base64'));
  return seen
    .filter((each) => each.length > 1)
    .map((each): Finding => ({
      severity: 'warning',
      key: labelOf(each),
      message: `The certificate '${labelOf(each)}' lies ${String(each.length)} times in or on ${where} as the very same certificate.`,
      fix: 'Remove all but one of these certificate objects; leave the key.',
    }));
}

function sharedIds(certificates: readonly TokenCertificate[], where: string): Finding[] {
  const seen = grouped(
    certificates.filter(({ id, label }) => id.length > 0 && label !== ''),
    ({ id }) => Buffer.from(id).toString('hex'),
  );
  return seen.flatMap((each): Finding[] => {
    const labels = [...new Set(each.map(({ label }) => label))];
    if (labels.length < 2) return [];
    return [
      {
        severity: 'warning',
        key: labelOf(each),
        message: `The certificates ${labels.map((label) => `'${label}'`).join(' and ')} in or on ${where} have the same CKA_ID ${Buffer.from(each[0]?.id ?? []).toString('hex')}.`,
        fix: "Give each certificate its own key's CKA_ID (pkcs11-tool --set-id), or relabel copies.",
      },
    ];
  });
}

function grouped(certificates: readonly TokenCertificate[], by: (certificate: TokenCertificate) => string): TokenCertificate[][] {
  const groups = new Map<string, TokenCertificate[]>();
  for (const certificate of certificates) groups.set(by(certificate), [...(groups.get(by(certificate)) ?? []), certificate]);
  return [...groups.values()];
}

/** What to call them: by the first that has a label, else by CKA_ID. */
function labelOf(certificates: readonly TokenCertificate[]): string {
  return certificates.find(({ label }) => label !== '')?.label ?? `CKA_ID ${Buffer.from(certificates[0]?.id ?? []).toString('hex')}`;
}
