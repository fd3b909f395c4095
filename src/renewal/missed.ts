import type { Database } from '../ledger/database.js';
import { journalEntry } from '../ledger/journal.js';

/** A saving that was announced so long ago, and in which nothing was located, is nobody's any more. */
const patienceMs = 60_000;

/**
 * Whether this server has never saved the certificate with this SHA-256 (hex), though certmonger may hold it: from a token that several
 * servers share it reads, at each start and each change of a request, what another of them stored there, and then takes it for its own.
 * Where nothing is known, it has not.
 */
export function isMissed(ledger: Database, nickname: string, certificate: string, now: Date): boolean {
  const entry = journalEntry(ledger, nickname);
  if (entry === undefined || entry.certificate === certificate) return false;
  return entry.certificate !== undefined || now.getTime() - entry.updatedAt.getTime() > patienceMs;
}
