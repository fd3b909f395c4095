import * as v from 'valibot';
import type { Database } from './database.js';

/**
 * How far the saving of one certificate has come; each word names the last step that was finished. 'in service': the certificate is in
 * place and the units run with it, only follow-ups are left.
 */
const mainSteps = [
  'announced',
  'located',
  'proven',
  'trusted',
  'archived',
  'removed from token',
  'removed from database',
  'checked',
  'in service',
  'done',
] as const;
/** What depends on others, who may be away: each is finished by itself, in any order, and holds back nothing. */
const followUps = ['chain trusted', 'configured', 'users updated', 'authority updated', 'published'] as const;

export type MainStep = (typeof mainSteps)[number];
export type FollowUp = (typeof followUps)[number];
export type SavingStep = MainStep | FollowUp;

/** A follow-up that is not finished, and why not; no reason while it was not tried. */
export interface Left {
  readonly step: FollowUp;
  readonly reason?: string;
}

/** A superseded certificate that stays on a shared token until every server has the new one (design rule 11). */
export interface Retained {
  /** Base64 DER. */
  readonly certificate: string;
  /** When it was seen to be superseded. */
  readonly since: Date;
}

/** What must outlive a kill. */
interface SavingDetail {
  /** The certificates there were before, as base64 DER, for some versions of certmonger delete them themselves. */
  readonly before: readonly string[];
  readonly left: readonly Left[];
  readonly retained: readonly Retained[];
}

export interface JournalEntry {
  readonly nickname: string;
  readonly step: MainStep;
  /** SHA-256 of the new certificate, hex, from 'located' on. */
  readonly certificate?: string;
  readonly detail: SavingDetail;
  readonly startedAt: Date;
  readonly updatedAt: Date;
}

const time = v.pipe(
  v.string(),
  v.transform((text) => new Date(text)),
);
const rowSchema = v.object({
  nickname: v.string(),
  step: v.picklist(mainSteps),
  certificate: v.nullable(v.string()),
  detail: v.pipe(
    v.string(),
    v.parseJson(),
    // An earlier version wrote 'before' alone.
    v.object({
      before: v.array(v.string()),
      left: v.optional(v.array(v.object({ step: v.picklist(followUps), reason: v.exactOptional(v.string()) })), []),
      retained: v.optional(v.array(v.object({ certificate: v.string(), since: time })), []),
    }),
  ),
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

/** Every certificate with superseded ones that were left on the token. */
export function retaining(ledger: Database): JournalEntry[] {
  return all(ledger).filter(({ detail }) => detail.retained.length > 0);
}

/** The superseded certificates, base64 DER, that the last saving of each nickname has removed. */
export function removedAtLast(ledger: Database): { readonly nickname: string; readonly certificates: readonly string[] }[] {
  return all(ledger).flatMap(({ nickname, step, detail: { before, retained } }) => {
    const certificates = isSettled(step) ? before.filter((der) => !retained.some(({ certificate }) => certificate === der)) : [];
    return certificates.length === 0 ? [] : [{ nickname, certificates }];
  });
}

/**
 * Notes that a saving begins. One that was interrupted goes on with what it knew from before: what lies on the token since then may be
 * what went wrong, and must not become the measure.
 */
export function announce(ledger: Database, nickname: string, before: readonly string[], now: Date): void {
  ledger
    .transaction(() => {
      const earlier = journalEntry(ledger, nickname);
      const known = earlier === undefined || isSettled(earlier.step) ? [] : earlier.detail.before;
      const detail: SavingDetail = {
        before: known.length === 0 ? before : known,
        left: earlier?.detail.left ?? [],
        retained: earlier?.detail.retained ?? [],
      };
      ledger
        .prepare(
          `INSERT INTO journal (nickname, step, certificate, detail, started_at, updated_at) VALUES (?, 'announced', NULL, ?, ?, ?)
         ON CONFLICT (nickname) DO UPDATE SET step = excluded.step, certificate = NULL, detail = excluded.detail, started_at = excluded.started_at, updated_at = excluded.updated_at`,
        )
        .run(nickname, JSON.stringify(detail), now.toISOString(), now.toISOString());
    })
    .immediate();
}

/** Notes which certificate is the new one, which it supersedes, and what is to follow. */
export function noteLocated(
  ledger: Database,
  nickname: string,
  located: { readonly certificate: string; readonly before: readonly string[]; readonly left: readonly FollowUp[] },
  now: Date,
): void {
  change(ledger, nickname, now, ({ retained }) => ({
    step: 'located',
    certificate: located.certificate,
    detail: { before: located.before, left: located.left.map((step) => ({ step })), retained },
  }));
}

/**
 * Notes what was in place when this server first looked, so that a later one is known not to have been saved here; what is known already
 * stays.
 */
export function noteInPlace(ledger: Database, nickname: string, certificate: string, now: Date): void {
  const detail: SavingDetail = { before: [], left: [], retained: [] };
  ledger
    .prepare(
      "INSERT INTO journal (nickname, step, certificate, detail, started_at, updated_at) VALUES (?, 'done', ?, ?, ?, ?) ON CONFLICT (nickname) DO NOTHING",
    )
    .run(nickname, certificate, JSON.stringify(detail), now.toISOString(), now.toISOString());
}

/** Notes that `step` is finished. */
export function noteStep(ledger: Database, nickname: string, step: MainStep, now: Date): void {
  ledger.prepare('UPDATE journal SET step = ?, updated_at = ? WHERE nickname = ?').run(step, now.toISOString(), nickname);
}

/** Notes that a follow-up is finished, or why it is not. */
export function noteFollowUp(
  ledger: Database,
  nickname: string,
  step: FollowUp,
  outcome: 'finished' | { readonly reason: string },
  now: Date,
): void {
  change(ledger, nickname, now, (detail) => ({
    detail: {
      ...detail,
      left: detail.left.flatMap((left) => (left.step !== step ? [left] : outcome === 'finished' ? [] : [{ step, reason: outcome.reason }])),
    },
  }));
}

/** Notes which superseded certificates stay on the token. */
export function noteRetained(ledger: Database, nickname: string, retained: readonly Retained[], now: Date): void {
  change(ledger, nickname, now, (detail) => ({ detail: { ...detail, retained } }));
}

/** Nothing of the saving itself is left. */
export function isSettled(step: MainStep): boolean {
  return step === 'in service' || step === 'done';
}

/** The certificate, SHA-256 in hex, that the last saving of each nickname put in place. */
export function inPlace(ledger: Database): { readonly nickname: string; readonly sha256: string }[] {
  return all(ledger).flatMap(({ nickname, step, certificate }) =>
    isSettled(step) && certificate !== undefined ? [{ nickname, sha256: certificate }] : [],
  );
}

function all(ledger: Database): JournalEntry[] {
  return ledger.prepare('SELECT * FROM journal ORDER BY nickname').all().map(entryOf);
}

function change(
  ledger: Database,
  nickname: string,
  now: Date,
  make: (detail: SavingDetail) => { readonly step?: MainStep; readonly certificate?: string; readonly detail: SavingDetail },
): void {
  ledger
    .transaction(() => {
      const entry = journalEntry(ledger, nickname);
      if (entry === undefined) return;
      const { step = entry.step, certificate = entry.certificate ?? null, detail } = make(entry.detail);
      ledger
        .prepare('UPDATE journal SET step = ?, certificate = ?, detail = ?, updated_at = ? WHERE nickname = ?')
        .run(step, certificate, JSON.stringify(detail), now.toISOString(), nickname);
    })
    .immediate();
}

function entryOf(row: unknown): JournalEntry {
  const { nickname, step, certificate, detail, started_at: startedAt, updated_at: updatedAt } = v.parse(rowSchema, row);
  return { nickname, step, ...(certificate === null ? {} : { certificate }), detail, startedAt, updatedAt };
}
