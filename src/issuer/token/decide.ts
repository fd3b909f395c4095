import { HsmongerError } from '../../errors.js';
import type { Certificate, Extension } from '../../x509/certificate.js';
import { nameText } from '../../x509/names/name.js';
import { isSelfSigned } from '../../x509/path.js';
import type { Profile } from '../profiles.js';
import type { Admitted } from './admit.js';
import { renewedExtensions } from './extension-set.js';
import { certified } from './issuance/certified.js';
import { issuerPlaces } from './issuer-places.js';

/** A certificate to sign, but for its serial number and signature. */
export type IssuePlan = Pick<Certificate, 'subject' | 'issuer' | 'spki' | 'notBefore' | 'notAfter'> & {
  readonly profile: Profile;
  readonly extensions: readonly Extension[];
};

const dayMs = 86_400_000;
/** certmonger's first default threshold (src/tdbus.h, ttls): from here on it renews the issuer. */
const dueDays = 28;

/** What to sign at `now`, or why not yet (ISSUER_DUE), or why not at all. */
export function decideIssue(now: Date, admitted: Admitted): IssuePlan {
  const { order, issuer, csr } = admitted;
  const { profile } = order;
  const wanted = new Date(wholeSeconds(now) + (admitted.days ?? admitted.lifetimeDays[profile.name] ?? profile.days) * dayMs);
  const notBefore = new Date(wholeSeconds(now) - admitted.backdateSeconds * 1000);
  switch (order.kind) {
    case 'self-renewal': {
      const { old } = order;
      refuseNotLonger(old, wanted, 'the lifetime it is to have ends before it');
      return {
        profile,
        subject: old.subject,
        issuer: old.subject,
        spki: old.spki,
        notBefore,
        notAfter: wanted,
        extensions: renewedExtensions(profile, old, 'self'),
      };
    }
    case 'renewal': {
      const { old } = order;
      const notAfter = cappedNotAfter(now, admitted, wanted);
      refuseNotLonger(
        old,
        notAfter,
        notAfter < wanted
          ? `the CA certificate of ${nameText(issuer.subject)} ends before it`
          : 'the lifetime it is to have ends before it',
      );
      return {
        profile,
        subject: old.subject,
        issuer: issuer.subject,
        spki: old.spki,
        notBefore,
        notAfter,
        extensions: renewedExtensions(profile, old, issuer, issuerPlaces(admitted.ca)),
      };
    }
    case 'first':
      return {
        profile,
        issuer: issuer.subject,
        spki: csr.spki,
        notBefore,
        notAfter: cappedNotAfter(now, admitted, wanted),
        ...certified({ csr, issuer, profile, policy: order.policy, ca: admitted.ca, limits: admitted.limits }),
      };
  }
}

/**
 * Usually all of a CA's certificates expire together: a subordinate signed a moment before the CA's own renewal would live no
 * longer than the CA certificate about to be replaced. It waits, where the wait has an end: the CA renews itself here.
 */
function cappedNotAfter(now: Date, { issuer, issuerTracked }: Admitted, wanted: Date): Date {
  if (wanted <= issuer.notAfter) return wanted;
  const name = nameText(issuer.subject);
  const left = issuer.notAfter.getTime() - now.getTime();
  if (issuerTracked && left <= dueDays * dayMs && isSelfSigned(issuer)) {
    throw new HsmongerError(
      'ISSUER_DUE',
      `The CA certificate of ${name} ends at ${issuer.notAfter.toISOString()} and is to be renewed first; this certificate follows by itself.`,
    );
  }
  if (left <= 0)
    throw new HsmongerError(
      'ISSUER_EXPIRED',
      `The CA certificate of ${name} expired at ${issuer.notAfter.toISOString()}; renew it first, then ask again.`,
    );
  return issuer.notAfter;
}

function refuseNotLonger(old: Certificate, notAfter: Date, why: string): void {
  if (notAfter <= old.notAfter) {
    throw new HsmongerError(
      'NOT_LONGER',
      `A renewal of ${nameText(old.subject)} would end at ${notAfter.toISOString()}, not later than the certificate there is (${old.notAfter.toISOString()}): ${why}.`,
    );
  }
}

function wholeSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000) * 1000;
}
