import type { CaConfig } from '../../../config/instance.js';
import type { Certificate, Extension } from '../../../x509/certificate.js';
import {
  authorityKeyIdExtension,
  caBasicConstraints,
  caBasicConstraintsWith,
  keyUsageExtension,
  subjectKeyIdExtension,
} from '../../../x509/extensions/extensions.js';
import { subjectAltNameExtension } from '../../../x509/names/general-name.js';
import { mailboxesOf } from '../../../x509/names/mailboxes.js';
import { nameConstraintsExtension, type NameConstraints } from '../../../x509/names/name-constraints.js';
import { keyIdentifier } from '../../../x509/public-key.js';

/** What a root is to say. */
export interface RootOrder {
  /** DER Name. */
  readonly subject: Uint8Array;
  readonly days: number;
  /** CAs that may stand below one another under it; any number where absent. */
  readonly pathLength?: number;
  readonly nameConstraints?: NameConstraints;
}

export type RootPlan = Pick<Certificate, 'subject' | 'issuer' | 'serial' | 'spki' | 'notBefore' | 'notAfter'> & {
  readonly extensions: readonly Extension[];
};

const dayMs = 86_400_000;

/** A self-signed CA certificate, valid from `now` (RFC 5280 §4.2.1: what a conforming CA's says), but for its signature. */
export function planRoot(
  now: Date,
  key: Pick<Certificate, 'spki' | 'serial'>,
  { subject, days, pathLength, nameConstraints }: RootOrder,
  authorityKeyId: CaConfig['authorityKeyId'],
  backdateSeconds: number,
): RootPlan {
  const seconds = Math.floor(now.getTime() / 1000) * 1000;
  const identifier = keyIdentifier(key.spki);
  const mailboxes = mailboxesOf(subject);
  return {
    ...key,
    subject,
    issuer: subject,
    notBefore: new Date(seconds - backdateSeconds * 1000),
    notAfter: new Date(seconds + days * dayMs),
    extensions: [
      pathLength === undefined ? caBasicConstraints : caBasicConstraintsWith(pathLength),
      keyUsageExtension(['digitalSignature', 'cRLSign', 'keyCertSign']),
      subjectKeyIdExtension(identifier),
      // A root names itself: its own name and serial (RFC 5280 §4.2.1.1 lets it).
      authorityKeyId === 'key'
        ? authorityKeyIdExtension(identifier)
        : authorityKeyIdExtension(identifier, { issuer: subject, serial: key.serial }),
      ...(mailboxes.length === 0 ? [] : [subjectAltNameExtension(mailboxes, subject)]),
      ...(nameConstraints === undefined ? [] : [nameConstraintsExtension(nameConstraints)]),
    ],
  };
}
