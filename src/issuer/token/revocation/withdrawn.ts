import type { RevocationReason } from '../../../config/revocation-reason.js';
import { HsmongerError } from '../../../errors.js';
import type { Database } from '../../../ledger/database.js';
import { issuedBySerial, revokedForKeys, type IssuedRow } from '../../../ledger/issued.js';
import { findRevocation, findTold } from '../../../ledger/revocation.js';
import { hex } from '../../../platform/hex.js';
import type { Certificate } from '../../../x509/certificate.js';
import { equalBytes } from '../../../x509/der.js';
import { nameText } from '../../../x509/names/name.js';
import { keyFingerprint } from '../../../x509/public-key.js';
import { fingerprintsOf } from '../../../x509/wrappings.js';
import { revokedOtherwiseWrapped } from './otherwise-wrapped.js';

export interface Withdrawal {
  /** SubjectPublicKeyInfo of the request. */
  readonly spki: Uint8Array;
  /** The certificate to be renewed, and the CA that is to do it. */
  readonly old?: Certificate;
  readonly issuer?: Certificate;
}

/**
 * What a reason says of who asks again: nothing, that its key is another's too, that its key is suspended until the hold ends, or that it
 * is not to have a certificate (RFC 5280 §5.3.1).
 */
const meaning: Readonly<Record<RevocationReason, 'nothing' | 'key is lost' | 'key is held' | 'no more'>> = {
  unspecified: 'nothing',
  superseded: 'nothing',
  keyCompromise: 'key is lost',
  cACompromise: 'key is lost',
  aACompromise: 'key is lost',
  affiliationChanged: 'no more',
  cessationOfOperation: 'no more',
  certificateHold: 'key is held',
  privilegeWithdrawn: 'no more',
};

/**
 * REVOCATION_REFUSED for a key, by its fingerprintsOf(), that is lost: it gets nothing any more; or on hold: nothing before the hold ends,
 * though the certificate that is held has expired since or is not the one to be renewed.
 */
export function assertKeyNotWithdrawn(ledger: Database, fingerprints: readonly string[]): void {
  const revoked = revokedOf(ledger, fingerprints);
  const lost = withMeaning(revoked, 'key is lost');
  if (lost !== undefined) {
    throw new HsmongerError(
      'REVOCATION_REFUSED',
      `The key of the request for ${lost.subject} gets no certificate any more: ${lost.serial} was revoked at ${iso(lost.revokedAt)} (${lost.revocationReason ?? ''}), and its key with it. Make a new key, and a request for that.`,
    );
  }
  const held = withMeaning(revoked, 'key is held');
  if (held !== undefined) {
    throw new HsmongerError(
      'REVOCATION_REFUSED',
      `The key of the request for ${held.subject} gets no certificate while one it has is on hold: ${held.serial}, since ${iso(held.revokedAt)} (certificateHold); 'hsmonger ca unrevoke ${held.serial}' ends the hold.`,
    );
  }
}

/** The same where certmonger's next renewal, or another order, would undo a revocation: what was withdrawn is not renewed either. */
export function assertNotWithdrawn(ledger: Database, { spki, old, issuer }: Withdrawal): void {
  assertKeyNotWithdrawn(ledger, fingerprintsOf(spki));
  if (old === undefined || issuer === undefined) return;
  const serial = hex(old.serial);
  // An earlier key of the CA may have signed it.
  const written = issuedBySerial(ledger, serial).find(({ certificate }) => equalBytes(certificate, old.der));
  const id = { issuerKey: written?.issuerKey ?? keyFingerprint(issuer.spki), serial };
  // After a restore a published CRL may know more than the ledger.
  const revocation = findRevocation(ledger, id) ?? findTold(ledger, id);
  if (revocation === undefined || meaning[revocation.reason] === 'nothing') return;
  const cure =
    meaning[revocation.reason] === 'key is held'
      ? "'hsmonger ca unrevoke' with the certificate's file ends the hold"
      : 'have a new one issued where it is to have one after all';
  throw new HsmongerError(
    'REVOCATION_REFUSED',
    `The certificate ${serial} of ${nameText(old.subject)} was revoked at ${iso(revocation.at)} (${revocation.reason}) and is not renewed; ${cure}.`,
  );
}

/**
 * Why nobody is to rely on what this certificate's key signs, as the end of a sentence: it is revoked or on hold, or another certificate of
 * its key is, so that the key is lost or suspended. `issuerKey`: SHA-256 of the SubjectPublicKeyInfo that signed it, hex.
 */
export function revocationFault(
  ledger: Database,
  { serial, spki }: Pick<Certificate, 'serial' | 'spki'>,
  issuerKey: string,
): string | undefined {
  const id = { issuerKey, serial: hex(serial) };
  const own = findRevocation(ledger, id) ?? findTold(ledger, id);
  if (own !== undefined) return `was revoked at ${iso(own.at)} (${own.reason})`;
  const revoked = revokedOf(ledger, fingerprintsOf(spki));
  const other = withMeaning(revoked, 'key is lost') ?? withMeaning(revoked, 'key is held');
  return other === undefined
    ? undefined
    : `has the key of ${other.serial}, which was revoked at ${iso(other.revokedAt)} (${other.revocationReason ?? ''})`;
}

function revokedOf(ledger: Database, fingerprints: readonly string[]): readonly IssuedRow[] {
  return [...revokedForKeys(ledger, fingerprints), ...revokedOtherwiseWrapped(ledger, fingerprints)];
}

function withMeaning(revoked: readonly IssuedRow[], wanted: (typeof meaning)[RevocationReason]): IssuedRow | undefined {
  return revoked.find(({ revocationReason }) => meaning[revocationReason as RevocationReason] === wanted);
}

const iso = (date: Date | undefined) => date?.toISOString().replace(/\.\d+Z$/u, 'Z') ?? '';
