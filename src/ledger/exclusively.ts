import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { explained, type Database } from './database.js';

const pauseMs = 25;

/**
 * Runs `work` as one transaction that no other process's writing overlaps, however slow the HSM in the middle of it is; waits up
 * to `busyMs` for the others (STATE_BUSY after that). Committed to disk when it returns; rolled back when `work` throws.
 * The wait leaves the event loop free, so that the helper's deadline still counts.
 */
export function exclusively<T>(database: Database, busyMs: number, work: () => Promise<T>): Promise<T> {
  return within(database, busyMs, async () => {
    const result = await work();
    database.exec('COMMIT');
    return result;
  });
}

/**
 * The same of work that waits for nothing, written and committed in one tick: what else goes on in this process reads through the same
 * connection, and never sees a row that a commit which fails takes away again.
 */
export function atOnce<T>(database: Database, busyMs: number, work: () => T): Promise<T> {
  return within(database, busyMs, () => {
    const result = work();
    database.exec('COMMIT');
    return result;
  });
}

async function within<T>(database: Database, busyMs: number, committed: () => T | Promise<T>): Promise<T> {
  const file = database.name;
  try {
    await begin(database, Date.now() + busyMs);
    try {
      return await committed();
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
