import { existsSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { sentenceOf } from '../errors.js';
import { sqliteAddon } from '../platform/addons.js';
import type { Database } from './database.js';

/** What SQLite finds wrong with a database of ours, as a sentence; undefined of a sound one, and of one that is not there. */
export function faultOf(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  try {
    // Not for reading only: what a killed process left in the journal could not be rolled back, and would look like damage.
    const database = new Sqlite(file, { fileMustExist: true, nativeBinding: sqliteAddon() });
    try {
      const [first] = database.pragma('integrity_check(1)') as readonly { readonly integrity_check: string }[];
      return first?.integrity_check === 'ok' ? undefined : `SQLite finds: ${first?.integrity_check ?? 'nothing'}.`;
    } finally {
      database.close();
    }
  } catch (error) {
    // Somebody is writing, and finds it good enough for that.
    if (error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')) return undefined;
    return `SQLite cannot read it: ${sentenceOf(error).replace(/\.$/u, '')}.`;
  }
}

/** The latest time in a ledger; undefined while nothing is written there. */
export function newestTime(ledger: Database): Date | undefined {
  // ISO 8601 UTC: their order as text is their order in time.
  const row = ledger
    .prepare<[], { readonly at: string | null }>(
      'SELECT max(at) AS at FROM (SELECT issued_at AS at FROM issued UNION ALL SELECT at FROM revocations UNION ALL SELECT signed_at FROM crls UNION ALL SELECT at FROM outcomes UNION ALL SELECT updated_at FROM journal UNION ALL SELECT begun_at FROM asked UNION ALL SELECT seen FROM master_sightings)',
    )
    .get();
  return row?.at === null || row?.at === undefined ? undefined : new Date(row.at);
}
