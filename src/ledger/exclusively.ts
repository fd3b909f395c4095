import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { explained, type Database } from './database.js';

const pauseMs = 25;

/**
 * Runs `work` as one transaction that no other process's writing overlaps, however slow the HSM in the middle of it is; waits up
 * to `busyMs` for the others (STATE_BUSY after that). Committed to disk when it returns; rolled back when `work` throws.
 * The wait leaves the event loop free, so that the helper's deadline still counts.
 */
export async function exclusively<T>(database: Database, busyMs: number, work: () => Promise<T>): Promise<T> {
  const file = database.name;
  try {
    await begin(database, Date.now() + busyMs);
    try {
      const result = await work();
      database.exec('COMMIT');
      return result;
    } finally {
      if (database.inTransaction) database.exec('ROLLBACK');
    }
  } catch (error) {
    throw explained(file, error);
  }
}

async function begin(database: Database, deadline: number): Promise<void> {
  const patience = Number(database.pragma('busy_timeout', { simple: true }));
  database.pragma('busy_timeout = 0');
  try {
    for (;;) {
      try {
        database.exec('BEGIN IMMEDIATE');
        return;
      } catch (error) {
        if (!(error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')) || Date.now() >= deadline) throw error;
      }
      // Not in step with the others that wait.
      await sleep(pauseMs * (0.5 + Math.random()));
    }
  } finally {
    database.pragma(`busy_timeout = ${String(patience)}`);
  }
}
