import type { Database } from '../../../ledger/database.js';
import { hasHistory, revoke } from '../../../ledger/revocation.js';
import type { CrlEntry } from '../../../x509/crl/build.js';

/**
 * Writes down what a published CRL of this issuer's key lists and this ledger was never told: it was restored from before, or the ledger
 * has moved here. Who is on a CRL must not drop off the next one (RFC 5280 §3.3). How many there were. Inside the caller's transaction.
 */
export function takeOverListed(ledger: Database, issuerKey: string, listed: readonly CrlEntry[], uid: number): number {
  let taken = 0;
  for (const { serial, revokedAt, reason, invalidity } of listed) {
    const id = { issuerKey, serial: Buffer.from(serial).toString('hex') };
    // What this ledger says itself, the end of a hold too, is later than what was published.
    if (hasHistory(ledger, id)) continue;
    revoke(ledger, id, { at: revokedAt, reason, ...(invalidity === undefined ? {} : { invalidity }) }, uid);
    taken += 1;
  }
  return taken;
}
