import { idsOfSerial, type CrlIssuer } from '../../../issuer/token/revocation/ids-of-serial.js';
import type { Database } from '../../../ledger/database.js';
import { findRevocation, findTold, hasHistory, revoke, type CertificateId } from '../../../ledger/revocation.js';
import type { CrlEntry } from '../../../x509/crl/build.js';

/**
 * Writes down what a published CRL of this issuer lists and this ledger does not say: it was restored from before, or the ledger has moved
 * here. Who is on a CRL must not drop off the next one (RFC 5280 §3.3). How many there were. Inside the caller's transaction.
 */
export function takeOverListed(ledger: Database, issuer: CrlIssuer, listed: readonly CrlEntry[], uid: number): number {
  let taken = 0;
  for (const { serial, revokedAt, reason, invalidity } of listed) {
    const ids = idsOfSerial(ledger, issuer, Buffer.from(serial).toString('hex'));
    // One of them is enough for the CRL to list the number.
    if (ids.some((id) => (reason === 'certificateHold' ? hasHistory(ledger, id) : isFinal(ledger, id)))) continue;
    // Which of them it was nobody can tell.
    for (const id of ids) revoke(ledger, id, { at: revokedAt, reason, ...(invalidity === undefined ? {} : { invalidity }) }, uid);
    taken += 1;
  }
  return taken;
}

/**
 * A hold may have ended since it was published, and what this ledger says of it itself counts. A revocation for good cannot be taken back
 * (RFC 5280 §5.3.1): a ledger that calls the certificate good, or held, is the older of the two.
 */
function isFinal(ledger: Database, id: CertificateId): boolean {
  const present = findRevocation(ledger, id) ?? findTold(ledger, id);
  return present !== undefined && present.reason !== 'certificateHold';
}
