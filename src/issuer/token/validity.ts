import { HsmongerError } from '../../errors.js';
import type { Certificate } from '../../x509/certificate.js';
import { nameText } from '../../x509/names/name.js';
import type { Profile } from '../profiles.js';

/** What decides how long a certificate lives. */
export interface Terms {
  readonly profile: Profile;
  /** By profile name, over the profile's own. */
  readonly lifetimeDays: Readonly<Record<string, number>>;
  /** Over both. */
  readonly days?: number;
  readonly backdateSeconds: number;
}

type Validity = Pick<Certificate, 'notBefore' | 'notAfter'>;

const dayMs = 86_400_000;

/** From when to when a certificate is to be valid, in whole seconds, whoever signs it. */
export function wantedValidity(now: Date, { profile, lifetimeDays, days, backdateSeconds }: Terms): Validity {
  const from = Math.floor(now.getTime() / 1000) * 1000;
  return {
    notBefore: new Date(from - backdateSeconds * 1000),
    notAfter: new Date(from + (days ?? lifetimeDays[profile.name] ?? profile.days) * dayMs),
  };
}

/** The same below a CA: it begins no earlier than that one's own certificate, and ends no later. ISSUER_EXPIRED once that has ended. */
export function validityBelow(now: Date, terms: Terms, issuer: Certificate): Validity {
  if (now >= issuer.notAfter)
    throw new HsmongerError(
      'ISSUER_EXPIRED',
      `The CA certificate of ${nameText(issuer.subject)} expired at ${issuer.notAfter.toISOString()}; renew it first, then ask again.`,
    );
  const { notBefore, notAfter } = wantedValidity(now, terms);
  return {
    notBefore: notBefore < issuer.notBefore ? issuer.notBefore : notBefore,
    notAfter: notAfter > issuer.notAfter ? issuer.notAfter : notAfter,
  };
}
