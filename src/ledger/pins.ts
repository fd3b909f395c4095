import { createHmac, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import path from 'node:path';
import { HsmongerError } from '../errors.js';
import { systemClock, type Clock } from '../platform/clock.js';
import type { PinFailure, PinGuard, PinMemory } from '../pkcs11/token.js';
import { explained, explaining, openDatabase, type Database } from './database.js';

const schema = `
  CREATE TABLE IF NOT EXISTS pin_failures (
    token TEXT NOT NULL,           -- module path, serial, label
    source TEXT NOT NULL,          -- identity of the PIN source, never derived from a PIN without the key below
    at TEXT NOT NULL,              -- ISO 8601 UTC
    outcome TEXT NOT NULL CHECK (outcome IN ('failed', 'unknown')),
    attempts INTEGER NOT NULL,
    PRIMARY KEY (token, source)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS tag_key (id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT NULL) STRICT;
`;

const lockSchema = 'CREATE TABLE IF NOT EXISTS lock (id INTEGER PRIMARY KEY) STRICT;';

const pollMs = 20;
/** Longer than eight logins to a slow networked HSM take, one after another. */
const patienceMs = 90_000;

export interface PinGuardOptions {
  /** How long to wait for other processes' logins, milliseconds. */
  readonly patienceMs?: number;
  readonly clock?: Clock;
}

/**
 * The memory of failed logins in `file`, and beside it a second database whose write lock is held while a login runs: what is remembered
 * is committed at once, the lock ends with its process. Belongs to the service user, like the ledger. STATE_BUSY when others do not
 * finish in time, STATE_UNAVAILABLE when the files cannot be used.
 */
export function openPinGuard(file: string, options: PinGuardOptions = {}): PinGuard & { close(): void } {
  const database = openDatabase(file, { schema, version: 1 });
  const clock = options.clock ?? systemClock;
  return {
    exclusively: async (token, attempt) => {
      const unlock = await lock(lockFileOf(file), options.patienceMs ?? patienceMs);
      try {
        return await attempt(memoryOf(database, file, token, clock));
      } finally {
        unlock();
      }
    },
    tag: (secret) => explaining(file, () => createHmac('sha256', tagKey(database)).update(secret).digest('hex')),
    close: () => {
      database.close();
    },
  };
}

function lockFileOf(file: string): string {
  const { dir, name, ext } = path.parse(file);
  return path.join(dir, `${name}.lock${ext}`);
}

/** Milliseconds of a clock nobody sets; `performance` costs the helper two milliseconds to load. */
const uptimeMs = () => process.uptime() * 1000;

/** SQLite would wait in one blocking call; polling lets deadlines and other work of this process go on. */
async function lock(file: string, patience: number): Promise<() => void> {
  const database = openDatabase(file, { schema: lockSchema, version: 1 });
  try {
    database.pragma('busy_timeout = 0');
    const givesUp = uptimeMs() + patience;
    while (!begun(database)) {
      if (uptimeMs() > givesUp)
        throw new HsmongerError(
          'STATE_BUSY',
          `Another hsmonger process has been logging in to a token for ${String(Math.round(patience / 1000))} seconds (${file}); asking again shortly.`,
        );
      await sleep(pollMs);
    }
  } catch (error) {
    database.close();
    throw explained(file, error);
  }
  // Closing ends the transaction; nothing was written in it.
  return () => {
    database.close();
  };
}

function begun(database: Database): boolean {
  try {
    database.exec('BEGIN IMMEDIATE');
    return true;
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === 'SQLITE_BUSY') return false;
    throw error;
  }
}

function memoryOf(database: Database, file: string, token: string, clock: Clock): PinMemory {
  const write = (sql: string, ...values: (string | number)[]) => {
    explaining(file, () => database.prepare(sql).run(...values));
  };
  const now = () => clock().toISOString();
  return {
    failureOf: (source) =>
      explaining(file, () =>
        failureFrom(
          database.prepare('SELECT source, at, outcome, attempts FROM pin_failures WHERE token = ? AND source = ?').get(token, source) as
            FailureRow | undefined,
        ),
      ),
    trying: (source) => {
      write(
        "INSERT INTO pin_failures VALUES (?, ?, ?, 'unknown', 1) ON CONFLICT DO UPDATE SET at = excluded.at, attempts = attempts + 1",
        token,
        source,
        now(),
      );
    },
    failed: (source) => {
      write(
        "INSERT INTO pin_failures VALUES (?, ?, ?, 'failed', 1) ON CONFLICT DO UPDATE SET at = excluded.at, outcome = 'failed'",
        token,
        source,
        now(),
      );
    },
    succeeded: (source) => {
      write('DELETE FROM pin_failures WHERE token = ? AND source = ?', token, source);
    },
    notJudged: (source) => {
      explaining(file, () => {
        database
          .transaction(() => {
            write('UPDATE pin_failures SET attempts = attempts - 1 WHERE token = ? AND source = ?', token, source);
            write('DELETE FROM pin_failures WHERE token = ? AND source = ? AND attempts < 1', token, source);
          })
          .immediate();
      });
    },
  };
}

interface FailureRow {
  readonly source: string;
  readonly at: string;
  readonly outcome: PinFailure['outcome'];
  readonly attempts: number;
}

function failureFrom(row: FailureRow | undefined): PinFailure | undefined {
  return row === undefined ? undefined : { ...row, at: new Date(row.at) };
}

function tagKey(database: Database): Buffer {
  database.prepare('INSERT OR IGNORE INTO tag_key VALUES (1, ?)').run(randomBytes(32));
  return (database.prepare('SELECT key FROM tag_key').get() as { readonly key: Buffer }).key;
}
