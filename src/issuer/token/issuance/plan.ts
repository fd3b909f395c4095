import { HsmongerError } from '../../../errors.js';
import { nameText } from '../../../x509/names/name.js';
import type { IssuePlan } from '../decide.js';
import { assertAnother } from '../sound.js';
import { certified, type Certifying } from './certified.js';

/** One certificate that an administrator orders from the CA; its request is sound and signed by its own key. */
export type Issuance = Omit<Certifying, 'policy'> & {
  /** By profile name, over the profile's own. */
  readonly lifetimeDays: Readonly<Record<string, number>>;
  readonly backdateSeconds: number;
  /** Over both. */
  readonly days?: number;
};

const dayMs = 86_400_000;

/** What to sign at `now`, or why not. It ends no later than the CA's own certificate, and begins no earlier. */
export function planIssue(now: Date, facts: Issuance): IssuePlan {
  const { csr, issuer, profile } = facts;
  const { issue: policy } = profile;
  if (policy === undefined) throw new HsmongerError('OLD_CERTIFICATE_MISSING', `By profile ${profile.name} certificates are renewed, never issued anew; choose another profile.`);
  const { subject, extensions } = certified({ ...facts, policy });
  assertAnother(csr.spki, subject, issuer);
  if (now >= issuer.notAfter) throw new HsmongerError('ISSUER_EXPIRED', `The CA certificate of ${nameText(issuer.subject)} expired at ${issuer.notAfter.toISOString()}; renew it first, then ask again.`);
  const from = Math.floor(now.getTime() / 1000) * 1000;
  const wanted = from + (facts.days ?? facts.lifetimeDays[profile.name] ?? profile.days) * dayMs;
  return {
    profile,
    subject,
    issuer: issuer.subject,
    spki: csr.spki,
    notBefore: new Date(Math.max(from - facts.backdateSeconds * 1000, issuer.notBefore.getTime())),
    notAfter: new Date(Math.min(wanted, issuer.notAfter.getTime())),
    extensions,
  };
}
