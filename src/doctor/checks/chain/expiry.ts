import type { Certificate } from '../../../x509/certificate.js';
import type { Finding } from '../../finding.js';

const day = 86_400_000;
/**
 * As ipa-healthcheck has it, and certmonger's first threshold. One that lives for less than twice that would never be fine: of it half its
 * life.
 */
const warningMs = 28 * day;

/** What is to be said of a certificate's end: nothing while there is time. `what` begins the sentence. */
export function expiryFinding(
  { notBefore, notAfter }: Pick<Certificate, 'notBefore' | 'notAfter'>,
  now: Date,
  key: string,
  what: string,
  fix: string,
): Finding[] {
  const left = notAfter.getTime() - now.getTime();
  if (left <= 0) return [{ severity: 'critical', key, message: `${what} expired at ${notAfter.toISOString()}.`, fix }];
  if (left >= Math.min(warningMs, (notAfter.getTime() - notBefore.getTime()) / 2)) return [];
  const days = Math.floor(left / day);
  return [
    {
      severity: 'warning',
      key,
      message: `${what} expires at ${notAfter.toISOString()}, in ${days === 0 ? 'less than a day' : `${String(days)} day${days === 1 ? '' : 's'}`}.`,
      fix,
    },
  ];
}
