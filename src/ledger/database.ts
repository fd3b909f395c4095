import { closeSync, existsSync, openSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { HsmongerError, sentenceOf } from '../errors.js';
import { sqliteAddon } from '../platform/addons.js';

export type Database = Sqlite.Database;

const statements = new WeakMap<Database, Map<string, Sqlite.Statement>>();

/** A statement that is compiled once for each database: for what is asked about every one of thousands. */
export function statement(database: Database, sql: string): Sqlite.Statement {
  const known = statements.get(database) ?? new Map<string, Sqlite.Statement>();
  statements.set(database, known);
  const made = known.get(sql) ?? database.prepare(sql);
  known.set(sql, made);
  return made;
}

export interface OpenDatabaseOptions {
  /** Statements that make the tables; run once per `version` (PRAGMA user_version). */
  readonly schema: string;
  readonly version: number;
  /** Opens an existing file for reading only; undefined comes back from openExisting when there is none. */
  readonly readonly?: boolean;
}

/**
 * How long one statement waits for another process's commit. The wait is a blocking call that no deadline ends, so it is short; who has to
 * wait for a slow HSM's work polls (exclusively.ts, pins.ts).
 */
const busyMs = 2000;

/**
 * Opens (or makes) a database that survives kill -9 and power loss: a commit has reached the disk before it returns.
 * SQLite's locks die with their process, so they double as our cross-process locks.
 */
export function openDatabase(file: string, options: OpenDatabaseOptions): Database {
  return explaining(file, () => {
    const readonly = options.readonly ?? false;
    if (!readonly && !existsSync(file)) closeSync(openSync(file, 'a', 0o600));
    const database = new Sqlite(file, { readonly, timeout: busyMs, nativeBinding: sqliteAddon() });
    try {
      if (readonly) isCurrent(database, file, options.version);
      else prepare(database, file, options);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** Stamping a newer version's tables with our number would have it make them anew, or misread what we write into them. */
function isCurrent(database: Database, file: string, version: number): boolean {
  const found = Number(database.pragma('user_version', { simple: true }));
  if (found <= version) return found === version;
  throw new HsmongerError(
    'STATE_UNAVAILABLE',
    `${file} was made by a newer hsmonger (version ${String(found)} of its tables, this one knows ${String(version)}). Nothing was issued or changed; install that version again, or move the file away.`,
  );
}

function prepare(database: Database, file: string, { schema, version }: OpenDatabaseOptions): void {
  // FULL: the journal and the database are flushed at each commit, before an answer leaves (design rule 5).
  database.pragma('journal_mode = TRUNCATE');
  database.pragma('synchronous = FULL');
  if (isCurrent(database, file, version)) return;
  database
    .transaction(() => {
      // Another process may have been quicker, a newer one too.
      if (isCurrent(database, file, version)) return;
      database.exec(schema);
      database.pragma(`user_version = ${String(version)}`);
    })
    .immediate();
}

/** Runs a database step and turns SQLite's failures into STATE_BUSY or STATE_UNAVAILABLE with one clear sentence. */
export function explaining<T>(file: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw explained(file, error);
  }
}

/** See explaining(); for code that awaits between BEGIN and COMMIT. */
export function explained(file: string, error: unknown): unknown {
  if (error instanceof HsmongerError) return error;
  const code = codeOf(error);
  if (code === undefined) return error;
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new HsmongerError('STATE_BUSY', `Another hsmonger process is working with ${file}; asking again shortly.`, { cause: error });
  }
  if (code === 'SQLITE_READONLY_DBMOVED') {
    return new HsmongerError(
      'STATE_BUSY',
      `${file} was replaced, as a restore does, while this process had it open; nothing was written into the old one. Asking again goes to the new one.`,
      { cause: error },
    );
  }
  const why = code === 'SQLITE_FULL' || code === 'ENOSPC' ? 'the disk is full' : sentenceOf(error);
  return new HsmongerError(
    'STATE_UNAVAILABLE',
    `Cannot use ${file}: ${why}. Nothing was issued or changed; mend ${path.dirname(file)} and it goes on by itself.`,
    { cause: error },
  );
}

/** SQLite's, or a failed system call's; other errors carry codes too (a PKCS#11 module's are numbers) and are none of the file's. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof Sqlite.SqliteError) return error.code;
  if (!(error instanceof Error)) return undefined;
  const { code, errno, syscall }: NodeJS.ErrnoException = error;
  return errno === undefined || syscall === undefined ? undefined : code;
}
