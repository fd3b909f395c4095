import type { Certificate } from '../../../x509/certificate.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { sameKey } from '../../../x509/public-key.js';
import { equalBytes } from '../../../x509/der.js';
import type { Check } from '../../check.js';
import type { DoctorFacts } from '../../facts.js';
import type { Finding } from '../../finding.js';
import { orFine } from '../../known.js';
import { storesOf, type DoctorStore } from '../../stores.js';

const dayMs = 86_400_000;
/** As saving.grace-days has it where the file does not say (docs/configuration.md). */
const defaultGraceDays = 7;
/** A saving that is under way now has not come so far: certmonger stores the new one, then post-save removes the old. */
const savingMs = 3_600_000;

/**
 * certmonger from 0.79.18 on leaves every old certificate (certsave-n.c:699); our post-save removes them, on a shared token after a time of
 * grace.
 */
export const certificateSuperseded: Check = {
  source: 'hsmonger.certificates',
  name: 'CertificateSuperseded',
  about: 'No superseded certificate is left on the token or in the NSS database once its time of grace is over.',
  run: (facts) =>
    orFine(
      storesOf(facts).flatMap((store) => leftIn(store, facts)),
      'No superseded certificate is left over.',
      'superseded',
    ),
};

function leftIn({ name, certificates }: DoctorStore, { instance, now }: DoctorFacts): Finding[] {
  const shared = instance.directory !== undefined;
  return instance.certificates.flatMap(({ nickname }): Finding[] => {
    const [newest, ...older] = distinct(
      certificates.filter(({ label }) => label === nickname).map(({ der }) => parseCertificate(der)),
    ).sort((a, b) => b.notAfter.getTime() - a.notAfter.getTime());
    // Of another key is not superseded but something to be looked at: CertificateSubjects and KeyPresent do.
    const left = newest === undefined ? [] : older.filter(({ spki }) => sameKey(spki, newest.spki));
    if (newest === undefined || left.length === 0) return [];
    const graceMs = shared ? (instance.saving.graceDays ?? defaultGraceDays) * dayMs : savingMs;
    if (now.getTime() - newest.notBefore.getTime() < graceMs) return [];
    const many = left.length === 1 ? 'A superseded certificate' : `${String(left.length)} superseded certificates`;
    return [
      {
        severity: 'warning',
        key: nickname,
        message: `${many} '${nickname}' (until ${left.map(({ notAfter }) => notAfter.toISOString().slice(0, 10)).join(', ')}) ${left.length === 1 ? 'is' : 'are'} left beside the new one in or on ${name}; a program that takes the first of a nickname may serve an old one.`,
        fix: `The post-save command of the next renewal archives and removes them; to have that now, run: hsmonger renew '${nickname}'${shared ? ' (on the renewal master)' : ''}.`,
      },
    ];
  });
}

function distinct(certificates: readonly Certificate[]): Certificate[] {
  return certificates.filter((one, index) => certificates.findIndex((other) => equalBytes(one.der, other.der)) === index);
}
