import { closeSync, existsSync, openSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { HsmongerError, sentenceOf } from '../errors.js';
import { sqliteAddon } from '../platform/addons.js';

export type Database = Sqlite.Database;

export interface OpenDatabaseOptions {
  /** Statements that make the tables; run once per `version` (PRAGMA user_version). */
  readonly schema: string;
  readonly version: number;
  /** Opens an existing file for reading only; undefined comes back from openExisting when there is none. */
  readonly readonly?: boolean;
  /** How long to wait for another process's transaction, milliseconds. Default 5 000. */
  readonly busyMs?: number;
}

/**
 * Opens (or makes) a database that survives kill -9 and power loss: a commit has reached the disk before it returns.
 * SQLite's locks die with their process, so they double as our cross-process locks.
 */
export function openDatabase(file: string, options: OpenDatabaseOptions): Database {
  return explaining(file, () => {
    const readonly = options.readonly ?? false;
    if (!readonly && !existsSync(file)) closeSync(openSync(file, 'a', 0o600));
    const database = new Sqlite(file, { readonly, timeout: options.busyMs ?? 5000, nativeBinding: sqliteAddon() });
    try {
      if (!readonly) prepare(database, options);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

function prepare(database: Database, { schema, version }: OpenDatabaseOptions): void {
  // FULL: the journal and the database are flushed at each commit, before an answer leaves (design rule 5).
  database.pragma('journal_mode = TRUNCATE');
  database.pragma('synchronous = FULL');
  if (database.pragma('user_version', { simple: true }) === version) return;
  database.transaction(() => {
    database.exec(schema);
    database.pragma(`user_version = ${String(version)}`);
  }).immediate();
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
  if (!(error instanceof Sqlite.SqliteError) && (error as NodeJS.ErrnoException).code === undefined) return error;
  const code = (error as { code: string }).code;
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new HsmongerError('STATE_BUSY', `Another hsmonger process is working with ${file}; asking again shortly.`, { cause: error });
  }
  const why = code === 'SQLITE_FULL' || code === 'ENOSPC' ? 'the disk is full' : sentenceOf(error);
  return new HsmongerError('STATE_UNAVAILABLE', `Cannot use ${file}: ${why}. Nothing was issued or changed; mend ${path.dirname(file)} and it goes on by itself.`, { cause: error });
}
