import * as v from 'valibot';
import type { Database } from './database.js';

/** How far the saving of one certificate has come; each word names the last step that was finished. */
const savingSteps = ['announced', 'located', 'proven', 'trusted', 'archived', 'removed from token', 'removed from database', 'checked', 'done'] as const;
export type SavingStep = (typeof savingSteps)[number];

/** What must outlive a kill: the certificates there were before, as base64 DER, for some versions of certmonger delete them themselves. */
interface SavingDetail {
  readonly before: readonly string[];
}

export interface JournalEntry {
  readonly nickname: string;
  readonly step: SavingStep;
  /** SHA-256 of the new certificate, hex, from 'located' on. */
  readonly certificate?: string;
  readonly detail: SavingDetail;
  readonly startedAt: Date;
  readonly updatedAt: Date;
}

const time = v.pipe(v.string(), v.transform((text) => new Date(text)));
const rowSchema = v.object({
  nickname: v.string(),
  step: v.picklist(savingSteps),
  certificate: v.nullable(v.string()),
  detail: v.pipe(v.string(), v.parseJson(), v.object({ before: v.array(v.string()) })),
  started_at: time,
  updated_at: time,
});

/** The entry of one certificate, finished or not. */
export function journalEntry(ledger: Database, nickname: string): JournalEntry | undefined {
  const row = ledger.prepare('SELECT * FROM journal WHERE nickname = ?').get(nickname);
  return row === undefined ? undefined : entryOf(row);
}

/** Every saving that was begun and not finished, oldest first. */
export function unfinished(ledger: Database): JournalEntry[] {
  return ledger.prepare("SELECT * FROM journal WHERE step <> 'done' ORDER BY started_at, nickname").all().map(entryOf);
}

/**
 * Notes that a saving begins. One that was interrupted goes on with what it knew from before: what lies on the token since then may be
 * what went wrong, and must not become the measure.
 */
export function announce(ledger: Database, nickname: string, before: readonly string[], now: Date): void {
  ledger.transaction(() => {
    const earlier = journalEntry(ledger, nickname);
    const known = earlier === undefined || earlier.step === 'done' ? [] : earlier.detail.before;
    const detail: SavingDetail = { before: known.length === 0 ? before : known };
    ledger
      .prepare(
        `INSERT INTO journal (nickname, step, certificate, detail, started_at, updated_at) VALUES (?, 'announced', NULL, ?, ?, ?)
         ON CONFLICT (nickname) DO UPDATE SET step = excluded.step, certificate = NULL, detail = excluded.detail, started_at = excluded.started_at, updated_at = excluded.updated_at`,
      )
      .run(nickname, JSON.stringify(detail), now.toISOString(), now.toISOString());
  }).immediate();
}

/** Notes which certificate is the new one and which it supersedes. */
export function noteLocated(ledger: Database, nickname: string, located: { readonly certificate: string; readonly before: readonly string[] }, now: Date): void {
  const detail: SavingDetail = { before: located.before };
  ledger.prepare("UPDATE journal SET step = 'located', certificate = ?, detail = ?, updated_at = ? WHERE nickname = ?").run(located.certificate, JSON.stringify(detail), now.toISOString(), nickname);
}

/** Notes that `step` is finished. */
export function noteStep(ledger: Database, nickname: string, step: SavingStep, now: Date): void {
  ledger.prepare('UPDATE journal SET step = ?, updated_at = ? WHERE nickname = ?').run(step, now.toISOString(), nickname);
}

function entryOf(row: unknown): JournalEntry {
  const { nickname, step, certificate, detail, started_at: startedAt, updated_at: updatedAt } = v.parse(rowSchema, row);
  return { nickname, step, ...(certificate === null ? {} : { certificate }), detail, startedAt, updatedAt };
}
