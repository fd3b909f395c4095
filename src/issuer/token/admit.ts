import type { CaConfig } from '../../config/instance.js';
import { HsmongerError } from '../../errors.js';
import type { Certificate } from '../../x509/certificate.js';
import { allows } from '../../x509/extensions/extensions.js';
import { nameText, sameName } from '../../x509/names/name.js';
import type { CertificateRequest } from '../../x509/parse-csr.js';
import { isSelfSigned, role, signedBy } from '../../x509/path.js';
import { sameKey } from '../../x509/public-key.js';
import { verifySignature } from '../../x509/signature.js';
import { inferProfile } from '../infer-profile.js';
import { defaultProfile, isProfileName, profileNames } from '../../config/profile-names.js';
import { profiles, type IssuePolicy, type Profile } from '../profiles.js';
import type { AuthorityLimits } from './issuance/limits.js';
import { assertAnother, assertSound, notItsOwn, signedPart } from './sound.js';

/** What is asked, and of whom. */
export interface IssueFacts {
  readonly csr: CertificateRequest;
  readonly old?: Certificate;
  /** As asked for; where nobody asked, the old certificate's extensions decide. */
  readonly profile?: string;
  /** A CA that another has signed is to sign itself from now on; see Enrolment. */
  readonly selfSigned?: true;
  /** The certificate of the key that signs. */
  readonly issuer: Certificate;
  /** The issuer's certificate is one of those this instance keeps alive. */
  readonly issuerTracked: boolean;
  /** By profile name, over the profile's own. */
  readonly lifetimeDays: Readonly<Record<string, number>>;
  /** Over both: what the instance file says of this one certificate. */
  readonly days?: number;
  readonly backdateSeconds: number;
  /** For a certificate that renews none. */
  readonly ca: CaConfig;
  readonly limits: AuthorityLimits;
}

/** A request that may be answered. */
export type Admitted = IssueFacts & {
  readonly order:
    | { readonly kind: 'self-renewal'; readonly profile: Profile; readonly old: Certificate }
    | { readonly kind: 'renewal'; readonly profile: Profile; readonly old: Certificate }
    | { readonly kind: 'first'; readonly profile: Profile; readonly policy: IssuePolicy };
};

/** Refuses what must never be signed, whatever the time is. */
export function admit(facts: IssueFacts): Admitted {
  const { csr, old, issuer } = facts;
  const profile = profileOf(facts);
  assertSound(csr);
  if (!verifySignature(signedPart(csr), csr.spki)) throw notItsOwn();
  if (old === undefined) return { ...facts, order: { kind: 'first', profile, policy: firstPolicy(profile, csr, issuer) } };
  if (!sameKey(csr.spki, old.spki)) {
    throw new HsmongerError(
      'KEY_MISMATCH',
      `The certificate request has another key than the certificate of ${nameText(old.subject)} that it would renew; hsmonger renews with the same key only.`,
    );
  }
  if (!sameName(csr.subject, old.subject)) {
    throw new HsmongerError(
      'SUBJECT_MISMATCH',
      `The certificate request is for ${nameText(csr.subject)}, but the certificate it would renew is ${nameText(old.subject)}'s; a renewal keeps the subject.`,
    );
  }
  return { ...facts, order: { kind: renewalKind(profile, old, issuer, facts.selfSigned), profile, old } };
}

function profileOf({ profile, old }: IssueFacts): Profile {
  const name = profile ?? (old === undefined ? defaultProfile : inferProfile(old));
  if (!isProfileName(name))
    throw new HsmongerError('PROFILE_UNKNOWN', `There is no profile '${name}'; there are ${profileNames.join(', ')}.`);
  return profiles[name];
}

function firstPolicy({ name, first }: Profile, csr: CertificateRequest, issuer: Certificate): IssuePolicy {
  if (first === undefined) {
    throw new HsmongerError(
      'OLD_CERTIFICATE_MISSING',
      `Profile ${name} only renews, and no certificate came with the request for ${nameText(csr.subject)}; certmonger sends it when it tracks one it can read.`,
    );
  }
  assertAnother(csr.spki, csr.subject, issuer);
  return first;
}

/** Who continues an old certificate under a profile; refuses where nobody here can. `selfSigned`: see IssueFacts. */
export function renewalKind(profile: Profile, old: Certificate, issuer: Certificate, selfSigned?: true): 'self-renewal' | 'renewal' {
  const oldRole = role(old);
  if (profile.ca ? oldRole === 'leaf' : oldRole === 'ca') {
    throw new HsmongerError(
      'PROFILE_MISMATCH',
      `Profile ${profile.name} does not fit: the certificate of ${nameText(old.subject)} is ${profile.ca ? 'no CA certificate, and renewing cannot make it one' : 'a CA certificate, and renewing must not make it anything else'}.`,
    );
  }
  if (!profile.ca) {
    // Its key usage would be kept, and without basic constraints some clients believe that alone.
    if (oldRole === 'either' && allows(old, 'keyCertSign') === true) {
      throw new HsmongerError(
        'PROFILE_MISMATCH',
        `Profile ${profile.name} does not fit: the certificate of ${nameText(old.subject)} may sign certificates and does not say that it is no CA's; have a new one issued instead.`,
      );
    }
    // Who issued it is not asked: a CA that takes over from another renews what that one made. Holding the key is proof enough, the name
    // was another's to grant.
    return 'renewal';
  }
  if (sameKey(old.spki, issuer.spki)) {
    if (isSelfSigned(old) || selfSigned === true) return 'self-renewal';
    throw new HsmongerError(
      'ISSUER_EXTERNAL',
      `The CA certificate of ${nameText(old.subject)} was issued by ${nameText(old.issuer)}, and this CA cannot vouch for itself; have its request ('hsmonger ca csr') signed there and hand the answer to 'hsmonger ca import'.`,
    );
  }
  // Any key could come with an "old" CA certificate; only one that this CA made itself is continued.
  if (!signedBy(old, issuer.spki)) {
    throw new HsmongerError(
      'ISSUER_EXTERNAL',
      `The CA certificate of ${nameText(old.subject)} was not issued by ${nameText(issuer.subject)}; have it renewed by ${nameText(old.issuer)}: its request is written by 'hsmonger ca csr', and 'hsmonger ca import' takes the answer.`,
    );
  }
  return 'renewal';
}
