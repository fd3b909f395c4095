import { HsmongerError } from '../errors.js';
import type { Database } from './database.js';
import { highestCrlNumber, highestToldCrlNumber } from './crls.js';
import { isSettled, journalEntry, type JournalEntry } from './journal.js';

const secondMs = 1000;
/** Where the clock says that hardly any time has passed, or has gone back. */
const leastMargin = 1000n;
const digits = 40;

/**
 * The CRL number a restored ledger goes on from: no number that was ever used may come back (RFC 5280 §5.2.3), and what was signed after
 * the backup is not in it. `known`: the highest numbers seen elsewhere; `published`: what an administrator says was the last, which makes a
 * guess needless. Otherwise one CRL a second since the backup is assumed, which no token with a CA's key keeps up.
 * CRL_NUMBER where hardly a number would be left.
 */
export function restoredCrlNumber(
  times: { readonly backedUpAt: Date; readonly now: Date },
  known: readonly (bigint | undefined)[],
  published?: bigint,
): bigint {
  const highest = [...known, published].reduce<bigint>((most, number) => (number !== undefined && number > most ? number : most), 0n);
  if (highest > highestToldCrlNumber)
    throw new HsmongerError(
      'CRL_NUMBER',
      `The CRL number ${String(highest)} leaves none for CRLs to come (RFC 5280 §5.2.3); nothing was put in place. See the number of the published CRL ('openssl crl -crlnumber') and say it with --above; where the ledger that is replaced has it and no such CRL was ever published, move that instance's state directory away first.`,
    );
  if (published !== undefined) return highest;
  const passed = BigInt(Math.max(0, Math.ceil((times.now.getTime() - times.backedUpAt.getTime()) / secondMs)));
  return highest + (passed > leastMargin ? passed : leastMargin);
}

/** Writes a number down as used, without a CRL: the next one is above it. Does nothing where a higher one is known. */
export function noteCrlNumber(database: Database, number: bigint, now: Date, uid: number): void {
  const known = highestCrlNumber(database);
  if (known !== undefined && known >= number) return;
  const at = now.toISOString();
  database
    .prepare(
      "INSERT INTO crls (number, issuer_key, this_update, next_update, crl, signed_at, uid) VALUES (?, 'restored', ?, ?, NULL, ?, ?)",
    )
    .run(number.toString(16).padStart(digits, '0'), at, at, at, uid);
}

/**
 * Drops the savings that were in progress when the backup was made, and what was still to follow on others: the token and the servers have
 * gone on since, and to go on by what was true then could put an older certificate in a newer one's place. Superseded certificates that
 * were left on the token stay known. Gives the nicknames whose saving was dropped.
 */
export function settleJournal(database: Database, now: Date): string[] {
  const nicknames = database
    .prepare<[], { readonly nickname: string }>('SELECT nickname FROM journal ORDER BY nickname')
    .all()
    .map(({ nickname }) => nickname);
  const entries = nicknames.flatMap((nickname): JournalEntry[] => {
    const entry = journalEntry(database, nickname);
    return entry === undefined ? [] : [entry];
  });
  const dropped = entries.filter(({ step, detail }) => !isSettled(step) || detail.left.length > 0);
  for (const { nickname, step, detail } of dropped) {
    if (!isSettled(step) && detail.retained.length === 0) database.prepare('DELETE FROM journal WHERE nickname = ?').run(nickname);
    else
      database
        .prepare(
          "UPDATE journal SET step = 'done', certificate = CASE WHEN ? THEN certificate END, detail = ?, updated_at = ? WHERE nickname = ?",
        )
        .run(isSettled(step) ? 1 : 0, JSON.stringify({ ...detail, before: [], left: [] }), now.toISOString(), nickname);
  }
  return dropped.map(({ nickname }) => nickname);
}
