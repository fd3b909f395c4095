import { defaultProfile, isProfileName } from '../../config/profile-names.js';
import { HsmongerError } from '../../errors.js';
import type { Certificate } from '../../x509/certificate.js';
import { nameText, sameName } from '../../x509/names/name.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { parseCsr } from '../../x509/parse-csr.js';
import { role } from '../../x509/path.js';
import { assertStrongKey, sameKey } from '../../x509/public-key.js';
import { inferProfile } from '../infer-profile.js';
import type { Enrolment } from '../issuer.js';
import { profiles } from '../profiles.js';
import { requestKey } from '../request-key.js';
import type { Wish } from './api.js';
import { parsePending } from './pending.js';

/** A request that may be put to the CA. */
export interface Order {
  readonly wish: Wish;
  readonly old?: Certificate;
  /** For the ledger. */
  readonly key: string;
  /** Of the lightweight CA whose certificate is renewed. */
  readonly authority?: string;
  /** The CA's number of a request made before, from the cookie; not to be believed. */
  readonly requestId?: string;
}

/** Refuses what must not be asked, before anything leaves this host. */
export function orderOf(url: string, { csr: der, oldCertificate, profile: asked, pending, authority }: Enrolment): Order {
  const csr = parseCsr(der);
  const old = oldCertificate === undefined ? undefined : parseCertificate(oldCertificate, 'The certificate to be renewed');
  const profile = asked ?? (old === undefined ? defaultProfile : inferProfile(old));
  // The CA knows its profiles, ours are not all there are.
  if (!/^[A-Za-z0-9_.-]{1,100}$/u.test(profile))
    throw new HsmongerError(
      'PROFILE_UNKNOWN',
      `A profile's name is made of letters, digits, '.', '_' and '-', unlike ${JSON.stringify(profile)}.`,
    );
  assertStrongKey(csr.spki, 'The key of the certificate request');
  if (old !== undefined) {
    if (!sameKey(csr.spki, old.spki))
      throw new HsmongerError(
        'KEY_MISMATCH',
        `The certificate request has another key than the certificate of ${nameText(old.subject)} that it would renew; hsmonger renews with the same key only.`,
      );
    if (!sameName(csr.subject, old.subject))
      throw new HsmongerError(
        'SUBJECT_MISMATCH',
        `The certificate request is for ${nameText(csr.subject)}, but the certificate it would renew is ${nameText(old.subject)}'s; a renewal keeps the subject.`,
      );
    refuseOtherNature(profile, old);
  }
  const requestId = pending === undefined ? undefined : parsePending(pending)?.requestId;
  return {
    wish: { csr, profile, ...(old !== undefined && role(old) === 'ca' ? { outlives: true as const } : {}) },
    ...(old === undefined ? {} : { old }),
    key: requestKey({ csr, ...(old === undefined ? {} : { old }), profile, issuer: `${url} ${authority ?? ''}` }),
    ...(authority === undefined ? {} : { authority }),
    ...(requestId === undefined ? {} : { requestId }),
  };
}

function refuseOtherNature(profile: string, old: Certificate): void {
  if (!isProfileName(profile)) return;
  const { ca } = profiles[profile];
  if (ca ? role(old) === 'leaf' : role(old) === 'ca') {
    throw new HsmongerError(
      'PROFILE_MISMATCH',
      `Profile ${profile} does not fit: the certificate of ${nameText(old.subject)} is ${ca ? 'no CA certificate, and renewing cannot make it one' : 'a CA certificate, and renewing must not make it anything else'}.`,
    );
  }
}
