import type { ErrorCode } from '../errors.js';
import type { Database } from './database.js';

/** How the last SUBMIT for a key and profile ended: where `status` finds what certmonger forgets after exit 5 (design rule 8). */
export interface OutcomeRow {
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hexadecimal. */
  readonly subjectKey: string;
  readonly profile: string;
  readonly at: Date;
  readonly code: ErrorCode | 'ISSUED';
  /** A sentence; empty for ISSUED. */
  readonly message: string;
  readonly uid: number;
}

/** Writes an outcome over the last one of the same key and profile. */
export function recordOutcome(database: Database, outcome: OutcomeRow): void {
  database
    .prepare(
      `INSERT INTO outcomes (subject_key, profile, at, code, message, uid) VALUES (@subjectKey, @profile, @at, @code, @message, @uid)
       ON CONFLICT (subject_key, profile) DO UPDATE SET at = excluded.at, code = excluded.code, message = excluded.message, uid = excluded.uid`,
    )
    .run({ ...outcome, at: outcome.at.toISOString() });
}

/** Every key's last outcome, latest first. */
export function listOutcomes(database: Database): OutcomeRow[] {
  return database
    .prepare<[], Omit<OutcomeRow, 'at'> & { readonly at: string }>(
      'SELECT subject_key AS subjectKey, profile, at, code, message, uid FROM outcomes ORDER BY at DESC, subject_key, profile',
    )
    .all()
    .map((row) => ({ ...row, at: new Date(row.at) }));
}
