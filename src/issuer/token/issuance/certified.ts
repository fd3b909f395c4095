import type { CaConfig } from '../../../config/instance.js';
import { HsmongerError } from '../../../errors.js';
import { certificatePoliciesExtension } from '../../../x509/extensions/access-urls.js';
import type { Certificate, Extension } from '../../../x509/certificate.js';
import {
  authorityKeyIdExtension,
  caBasicConstraintsWith,
  keyUsageExtension,
  leafBasicConstraints,
  ocspNoCheckExtension,
  subjectKeyIdExtension,
  type KeyUsage,
} from '../../../x509/extensions/extensions.js';
import { isEmptyName } from '../../../x509/names/general-name.js';
import { nameText } from '../../../x509/names/name.js';
import { nameBoundsFault } from '../../../x509/names/name-bounds.js';
import { nameConstraintsExtension, type NameConstraints } from '../../../x509/names/name-constraints.js';
import { netscapeCertTypeExtension, netscapeCommentExtension } from '../../../x509/extensions/netscape.js';
import type { CertificateRequest } from '../../../x509/parse-csr.js';
import { keyFacts, keyIdentifier, signsOnlyPss } from '../../../x509/public-key.js';
import type { IssuePolicy, Profile } from '../../profiles.js';
import { subjectKeyIdOf } from '../extension-set.js';
import { issuerPlaces } from '../issuer-places.js';
import { alternativeNames } from './alternative-names.js';
import { assertNamesWithin, type AuthorityLimits } from './limits.js';
import { usageExtensions } from './ordered-usages.js';
import { underPolicy } from './policy.js';

/** What a certificate that renews none is made from. */
export interface Certifying {
  readonly csr: CertificateRequest;
  readonly issuer: Certificate;
  readonly profile: Profile;
  readonly policy: IssuePolicy;
  readonly ca: CaConfig;
  readonly limits: AuthorityLimits;
  /** DER Name, instead of the request's. */
  readonly subject?: Uint8Array;
  /** DER GeneralName elements, instead of those of the request. */
  readonly names?: readonly Uint8Array[];
  /** A CA's: how many CAs may stand below it. None, where it is not said. */
  readonly pathLength?: number;
  /** A CA's: what names it may vouch for. */
  readonly nameConstraints?: NameConstraints;
}

/**
 * Subject and extensions of a certificate that renews none: of the request its names alone, everything else is the profile's and the CA's.
 */
export function certified(facts: Certifying): { readonly subject: Uint8Array; readonly extensions: readonly Extension[] } {
  const { csr, issuer, profile, policy, ca, limits } = facts;
  const subject = underPolicy(ca.policy, facts.subject ?? csr.subject, issuer.subject);
  const fault = nameBoundsFault(subject);
  if (fault !== undefined) throw new HsmongerError('NAME_REFUSED', `The subject ${nameText(subject)} ${fault}; ask for another.`);
  // RFC 5280 §4.1.2.6: a CA's is never empty.
  if (profile.ca && isEmptyName(subject))
    throw new HsmongerError('NAME_REFUSED', 'The request is for a CA and names nobody; a CA certificate has a subject.');
  const [policyId, ...morePolicies] = ca.policies;
  const extensions = [
    profile.ca ? caBasicConstraintsWith(pathLengthBelow(facts)) : leafBasicConstraints,
    keyUsageExtension(usagesFor(csr.spki, policy.keyUsage)),
    ...usageExtensions(policy.extendedKeyUsage),
    subjectKeyIdExtension(keyIdentifier(csr.spki)),
    authorityKeyIdExtension(subjectKeyIdOf(issuer), ca.authorityKeyId === 'key-and-issuer' ? issuer : undefined),
    ...alternativeNames(facts, subject),
    ...(policyId === undefined ? [] : [certificatePoliciesExtension([policyId, ...morePolicies])]),
    ...issuerPlaces(ca),
    ...(profile.requires.ocspNoCheck ? [ocspNoCheckExtension] : []),
    ...(facts.nameConstraints === undefined ? [] : [nameConstraintsExtension(facts.nameConstraints)]),
    ...(ca.netscapeCertType && policy.netscape.length > 0 ? [netscapeCertTypeExtension(policy.netscape)] : []),
    ...(ca.netscapeComment === undefined ? [] : [netscapeCommentExtension(ca.netscapeComment)]),
  ];
  assertNamesWithin(limits, subject, extensions);
  return { subject, extensions };
}

/** RFC 5480 §3 and RFC 8410 §5: only RSA encrypts, and not where its key is bound to PSS (RFC 4055 §1.2). */
function usagesFor(spki: Uint8Array, usages: readonly KeyUsage[]): readonly KeyUsage[] {
  return keyFacts(spki).type === 'RSA' && !signsOnlyPss(spki)
    ? usages
    : usages.filter((usage) => usage !== 'keyEncipherment' && usage !== 'dataEncipherment');
}

function pathLengthBelow({ issuer, limits, pathLength = 0 }: Certifying): number {
  const allowed = limits.pathLength === undefined ? Infinity : limits.pathLength - 1;
  if (allowed < 0)
    throw new HsmongerError(
      'PROFILE_MISMATCH',
      `No CA may stand below ${nameText(issuer.subject)}: the path length in its certificate, or in one above it, leaves no room for another.`,
    );
  if (pathLength > allowed)
    throw new HsmongerError(
      'PROFILE_MISMATCH',
      `A path length of ${String(pathLength)} is more than ${nameText(issuer.subject)} can give; at most ${String(allowed)} is left below it.`,
    );
  return pathLength;
}
