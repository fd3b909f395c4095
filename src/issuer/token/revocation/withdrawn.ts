import type { RevocationReason } from '../../../config/revocation-reason.js';
import { HsmongerError } from '../../../errors.js';
import type { Database } from '../../../ledger/database.js';
import { revokedForKey } from '../../../ledger/issued.js';
import { findRevocation } from '../../../ledger/revocation.js';
import type { Certificate } from '../../../x509/certificate.js';
import { nameText } from '../../../x509/names/name.js';
import { keyFingerprint } from '../../../x509/public-key.js';

export interface Withdrawal {
  /** SubjectPublicKeyInfo of the request. */
  readonly spki: Uint8Array;
  /** The certificate to be renewed, and the CA that is to do it. */
  readonly old?: Certificate;
  readonly issuer?: Certificate;
}

/** What a reason says of who asks again: nothing, that its key is another's too, or that it is not to have a certificate (RFC 5280 §5.3.1). */
const meaning: Readonly<Record<RevocationReason, 'nothing' | 'key is lost' | 'no more'>> = {
  unspecified: 'nothing',
  superseded: 'nothing',
  keyCompromise: 'key is lost',
  cACompromise: 'key is lost',
  aACompromise: 'key is lost',
  affiliationChanged: 'no more',
  cessationOfOperation: 'no more',
  certificateHold: 'no more',
  privilegeWithdrawn: 'no more',
};

/** REVOCATION_REFUSED where certmonger's next renewal, or another order, would undo a revocation: a key that is lost gets nothing any more, and what was withdrawn is not renewed. */
export function assertNotWithdrawn(ledger: Database, { spki, old, issuer }: Withdrawal): void {
  const lost = revokedForKey(ledger, keyFingerprint(spki)).find(({ revocationReason }) => meaning[revocationReason as RevocationReason] === 'key is lost');
  if (lost !== undefined) {
    throw new HsmongerError('REVOCATION_REFUSED', `The key of the request for ${lost.subject} gets no certificate any more: ${lost.serial} was revoked at ${iso(lost.revokedAt)} (${lost.revocationReason ?? ''}), and its key with it. Make a new key, and a request for that.`);
  }
  if (old === undefined || issuer === undefined) return;
  const revocation = findRevocation(ledger, { issuerKey: keyFingerprint(issuer.spki), serial: Buffer.from(old.serial).toString('hex') });
  if (revocation === undefined || meaning[revocation.reason] === 'nothing') return;
  const cure = revocation.reason === 'certificateHold' ? "'hsmonger ca unrevoke' ends the hold" : 'have a new one issued where it is to have one after all';
  throw new HsmongerError('REVOCATION_REFUSED', `The certificate ${revocation.serial} of ${nameText(old.subject)} was revoked at ${iso(revocation.at)} (${revocation.reason}) and is not renewed; ${cure}.`);
}

const iso = (date: Date | undefined) => date?.toISOString().replace(/\.\d+Z$/u, 'Z') ?? '';
