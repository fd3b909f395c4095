import type { RevocationReason } from '../../../config/revocation-reason.js';
import { HsmongerError } from '../../../errors.js';
import type { Revocation } from '../../../ledger/revocation.js';
import type { Certificate } from '../../../x509/certificate.js';
import { nameText } from '../../../x509/names/name.js';
import { keyFingerprint } from '../../../x509/public-key.js';
import { hex } from '../../../platform/hex.js';

export interface RevocationWish {
  /** removeFromCRL ends a hold (RFC 5280 §5.3.1). */
  readonly reason: RevocationReason | 'removeFromCRL';
  readonly invalidity?: Date;
}

export interface RevocationFacts {
  readonly certificate: Certificate;
  /** How it stands; undefined while it is not revoked. */
  readonly present?: Revocation;
  /** SHA-256 of the SubjectPublicKeyInfo that signed it, hex. */
  readonly issuerKey: string;
}

export type RevocationStep =
  { readonly kind: 'revoke'; readonly revocation: Revocation } | { readonly kind: 'end hold'; readonly at: Date };

/** What to write down at `now`; REVOCATION_REFUSED where nothing may be. */
export function decideRevocation(
  now: Date,
  { certificate, present, issuerKey }: RevocationFacts,
  { reason, invalidity }: RevocationWish,
): RevocationStep {
  const what = `The certificate ${hex(certificate.serial)} of ${nameText(certificate.subject)}`;
  const refuse = (why: string) => new HsmongerError('REVOCATION_REFUSED', `${what} ${why}.`);
  // Nobody looks for a trust anchor on a CRL (RFC 5280 §6.1), and an intermediate's word on itself ends with itself.
  if (keyFingerprint(certificate.spki) === issuerKey) {
    throw refuse(
      "is this CA's own, and no CA revokes itself: a root is taken out of the stores that trust it, an intermediate is revoked by the CA above it, in that one's instance",
    );
  }
  if (invalidity !== undefined && invalidity > now)
    throw refuse(`cannot have been invalid since ${iso(invalidity)}, which is still to come`);
  if (reason === 'removeFromCRL') {
    if (present === undefined) throw refuse('is not on hold, nor revoked; there is nothing to take back');
    if (present.reason !== 'certificateHold')
      throw refuse(`has been revoked for good since ${iso(present.at)} (${present.reason}); only a hold can be taken back`);
    if (invalidity !== undefined) throw refuse('is to be as good as before, so leave --invalidity out');
    return { kind: 'end hold', at: now };
  }
  if (present === undefined)
    return { kind: 'revoke', revocation: { at: now, reason, ...(invalidity === undefined ? {} : { invalidity }) } };
  if (present.reason !== 'certificateHold') throw refuse(`was revoked already, at ${iso(present.at)} (${present.reason})`);
  if (reason === 'certificateHold') throw refuse(`is on hold already, since ${iso(present.at)}`);
  // Nobody was to rely on it since the hold: that is when it ended.
  const since = invalidity ?? present.invalidity;
  return { kind: 'revoke', revocation: { at: present.at, reason, ...(since === undefined ? {} : { invalidity: since }) } };
}

const iso = (date: Date) => date.toISOString().replace(/\.\d+Z$/u, 'Z');
