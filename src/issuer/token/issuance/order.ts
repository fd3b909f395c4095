import { createHash } from 'node:crypto';
import type { NameConstraints } from '../../../x509/names/name-constraints.js';
import type { CertificateRequest } from '../../../x509/parse-csr.js';
import { keyFingerprint } from '../../../x509/public-key.js';
import type { Profile } from '../../profiles.js';
import { requestKey } from '../../request-key.js';
import { hex } from '../../../platform/hex.js';

/** What an administrator says beside the requests; what is left out is the request's, the profile's or the instance file's. */
export interface IssueOrder {
  readonly profile: Profile;
  /** DER Name. */
  readonly subject?: Uint8Array;
  /** DER GeneralName elements. */
  readonly names?: readonly Uint8Array[];
  /** Dotted, instead of the profile's; see assertUsagesFit(). */
  readonly extendedKeyUsage?: readonly string[];
  readonly days?: number;
  readonly pathLength?: number;
  readonly nameConstraints?: NameConstraints;
  /** Names one wish for a new certificate where there is one already; the same word asks for the same certificate again. */
  readonly again?: string;
}

/** What makes two orders of one certificate the same (design rule 5), as the ledger knows it. `issuer` is the CA's SubjectPublicKeyInfo. */
export function orderedRequest(csr: CertificateRequest, order: IssueOrder, issuer: Uint8Array): string {
  return requestKey({ csr, profile: order.profile.name, issuer: keyFingerprint(issuer), order: fingerprint(order) });
}

const fingerprints = new WeakMap<IssueOrder, string>();

/** One order comes with thousands of requests. */
function fingerprint(order: IssueOrder): string {
  const known = fingerprints.get(order);
  if (known !== undefined) return known;
  const { subject, names, extendedKeyUsage, days, pathLength, nameConstraints, again } = order;
  const said = JSON.stringify([
    subject === undefined ? null : hex(subject),
    names?.map(hex) ?? null,
    days ?? null,
    pathLength ?? null,
    nameConstraints?.permitted.map(hex) ?? null,
    nameConstraints?.excluded.map(hex) ?? null,
    again ?? null,
    // Only where it is said: what was ordered before there was such a wish is still the same order.
    ...(extendedKeyUsage === undefined ? [] : [extendedKeyUsage]),
  ]);
  const made = createHash('sha256').update(said).digest('hex');
  fingerprints.set(order, made);
  return made;
}
