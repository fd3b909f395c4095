import { HsmongerError } from '../../errors.js';
import type { Certificate, Extension } from '../../x509/certificate.js';
import { nameText } from '../../x509/names/name.js';
import { isSelfSigned } from '../../x509/path.js';
import type { Profile } from '../profiles.js';
import type { Admitted } from './admit.js';
import { renewedExtensions } from './extension-set.js';
import { certified } from './issuance/certified.js';
import { issuerPlaces } from './issuer-places.js';
import { validityBelow, wantedValidity } from './validity.js';

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
  const terms = { ...admitted, profile };
  const wanted = wantedValidity(now, terms);
  switch (order.kind) {
    case 'self-renewal': {
      const { old } = order;
      refuseNotLonger(old, wanted.notAfter, 'the lifetime it is to have ends before it');
      return {
        profile,
        subject: old.subject,
        issuer: old.subject,
        spki: old.spki,
        ...wanted,
        extensions: renewedExtensions(profile, old, 'self'),
      };
    }
    case 'renewal': {
      const { old } = order;
      refuseDue(now, admitted, wanted.notAfter);
      const validity = validityBelow(now, terms, issuer);
      refuseNotLonger(
        old,
        validity.notAfter,
        validity.notAfter < wanted.notAfter
          ? `the CA certificate of ${nameText(issuer.subject)} ends before it`
          : 'the lifetime it is to have ends before it',
      );
      return {
        profile,
        subject: old.subject,
        issuer: issuer.subject,
        spki: old.spki,
        ...validity,
        extensions: renewedExtensions(profile, old, issuer, issuerPlaces(admitted.ca)),
      };
    }
    case 'first':
      refuseDue(now, admitted, wanted.notAfter);
      return {
        profile,
        issuer: issuer.subject,
        spki: csr.spki,
        ...validityBelow(now, terms, issuer),
        ...certified({ csr, issuer, profile, policy: order.policy, ca: admitted.ca, limits: admitted.limits }),
      };
  }
}

/**
 * Usually all of a CA's certificates expire together: a subordinate signed a moment before the CA's own renewal would live no
 * longer than the CA certificate about to be replaced. It waits, where the wait has an end: the CA renews itself here.
 */
function refuseDue(now: Date, { issuer, issuerTracked }: Admitted, wanted: Date): void {
  const left = issuer.notAfter.getTime() - now.getTime();
  if (wanted <= issuer.notAfter || !issuerTracked || left > dueDays * dayMs || !isSelfSigned(issuer)) return;
  throw new HsmongerError(
    'ISSUER_DUE',
    `The CA certificate of ${nameText(issuer.subject)} ends at ${issuer.notAfter.toISOString()} and is to be renewed first; this certificate follows by itself.`,
  );
}

function refuseNotLonger(old: Certificate, notAfter: Date, why: string): void {
  if (notAfter <= old.notAfter) {
    throw new HsmongerError(
      'NOT_LONGER',
      `A renewal of ${nameText(old.subject)} would end at ${notAfter.toISOString()}, not later than the certificate there is (${old.notAfter.toISOString()}): ${why}.`,
    );
  }
}
