import type { IssuerConfig } from '../../config/instance.js';
import type { ErrorCode } from '../../errors.js';

/** What the way of an enrolment depends on. */
export interface CourseFacts {
  readonly reuseExisting: boolean;
  readonly forceSelfSigned: boolean;
  readonly issuer: IssuerConfig['type'];
  /** What this host is among the servers that share certificates; absent where it stands alone. */
  readonly shared?: {
    /** Under which they share this one; undefined for each server's own. */
    readonly nickname: string | undefined;
    readonly renewalMaster: boolean;
  };
  /** It is the issuing CA's own certificate that is asked for. */
  readonly theCa: boolean;
  /** The certificate to be renewed. */
  readonly old?: { readonly selfSigned: boolean };
}

/** Where a certificate comes from. */
export type Course =
  /** From the certificate that is there; published again under `publishAs`. */
  | { readonly kind: 'reuse'; readonly publishAs?: string }
  /** From the issuer, under `profile` if that is not the request's own; then published. */
  | { readonly kind: 'request'; readonly publishAs?: string; readonly profile?: 'caCACert' }
  /** From what the renewal master has published; and where that is nothing new: wait, hand out the old one, or look to the outside CA. */
  | { readonly kind: 'take'; readonly nickname: string; readonly otherwise: 'wait' | 'reuse' | 'outside'; readonly publishAs?: string }
  /** From a CA outside, by way of an administrator. */
  | { readonly kind: 'outside'; readonly publishAs?: string }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly reason: string };

/**
 * Which way an enrolment goes. FreeIPA's helper decides by the same facts (dogtag-ipa-ca-renew-agent-submit.in, main and renew_ca_cert);
 * where it does otherwise, docs/freeipa-differences.md says why.
 */
export function decideCourse(facts: CourseFacts): Course {
  const { old, reuseExisting, theCa, shared } = facts;
  if (old === undefined && (reuseExisting || theCa)) {
    return {
      kind: 'refused',
      code: 'OLD_CERTIFICATE_MISSING',
      reason: `New certificate requests not supported: certmonger holds no certificate to ${reuseExisting ? 'hand out again' : 'renew, and a CA is not made here'}.`,
    };
  }
  if (shared?.nickname === undefined) return ofItsOwn(facts);
  const { nickname, renewalMaster } = shared;
  if (theCa) return ofTheCa(facts, nickname, renewalMaster);
  if (!renewalMaster) return { kind: 'take', nickname, otherwise: reuseExisting ? 'reuse' : 'wait' };
  return reuseExisting ? { kind: 'reuse', publishAs: nickname } : fromIssuer(facts, { publishAs: nickname });
}

/** A certificate no other server has. */
function ofItsOwn(facts: CourseFacts): Course {
  if (facts.reuseExisting) return { kind: 'reuse' };
  // With the CA's key on our own token the issuer sees by itself who signed the CA.
  if (facts.theCa && facts.issuer === 'dogtag')
    return staysExternal(facts) ? { kind: 'outside' } : { kind: 'request', profile: 'caCACert' };
  return fromIssuer(facts, {});
}

function ofTheCa(facts: CourseFacts, nickname: string, renewalMaster: boolean): Course {
  const external = staysExternal(facts) || (facts.issuer === 'external' && renewalMaster);
  // `ipa-cacert-manage` publishes the answer of an outside CA and then asks for it with --reuse-existing.
  if (facts.reuseExisting) return { kind: 'take', nickname, otherwise: 'reuse' };
  if (external) return { kind: 'take', nickname, otherwise: 'outside', ...(renewalMaster ? { publishAs: nickname } : {}) };
  return renewalMaster ? fromIssuer(facts, { publishAs: nickname, profile: 'caCACert' }) : { kind: 'take', nickname, otherwise: 'wait' };
}

/** Signed by another CA, and to stay so: it never signs itself unless somebody says --force-self-signed. */
function staysExternal({ old, forceSelfSigned }: CourseFacts): boolean {
  return old?.selfSigned === false && !forceSelfSigned;
}

function fromIssuer({ issuer, shared }: CourseFacts, how: { readonly publishAs?: string; readonly profile?: 'caCACert' }): Course {
  switch (issuer) {
    case 'token':
    case 'dogtag':
      return { kind: 'request', ...how };
    case 'external':
      return { kind: 'outside', ...(how.publishAs === undefined ? {} : { publishAs: how.publishAs }) };
    case 'directory':
      return {
        kind: 'refused',
        code: 'CONFIG_INVALID',
        reason: `The instance only takes what other servers publish (issuer.type = "directory"), but ${whyNobodyPublishes(shared)}; give it an issuer of its own.`,
      };
  }
}

function whyNobodyPublishes(shared: CourseFacts['shared']): string {
  if (shared === undefined) return 'it has no [directory] to take from';
  return shared.nickname === undefined
    ? "this certificate is the server's own, which nobody else renews"
    : 'this server is the renewal master, for whose certificates the others wait';
}
