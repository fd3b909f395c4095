import { readdirSync, statSync, type Stats } from 'node:fs';
import path from 'node:path';
import { howToConvert } from '../config/dbm.js';
import { HsmongerError, sentenceOf } from '../errors.js';
import { certutil, type NssContext } from './tools.js';

interface DatabaseFile {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
}

/** What lies in an NSS database's directory; needs no more than to read it. */
export interface DatabaseFacts {
  readonly directory: DatabaseFile | undefined;
  /** 'sql': cert9.db and key4.db. 'dbm': only the old cert8.db or key3.db. */
  readonly format: 'sql' | 'dbm' | 'none';
  readonly files: readonly DatabaseFile[];
}

/** Who wants to write: the groups are all of that user's. */
export interface Writer {
  readonly uid: number;
  readonly gids: readonly number[];
}

export function databaseFacts(database: string): DatabaseFacts {
  try {
    const directory = fileFacts('.', statSync(database));
    // SQLite's journals come and go while we look, and a dangling link is no part of the database.
    const files = readdirSync(database)
      .sort()
      .flatMap((name) => {
        const stats = statSync(path.join(database, name), { throwIfNoEntry: false });
        return stats === undefined ? [] : [fileFacts(name, stats)];
      });
    return { directory, format: formatOf(new Set(files.map(({ name }) => name))), files };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { directory: undefined, format: 'none', files: [] };
    throw new HsmongerError(
      'NSS_NOT_FOUND',
      `Cannot look into the NSS database ${database}: ${sentenceOf(error)}. Give it to the service user.`,
      { cause: error },
    );
  }
}

/** Refuses what is no sql database, before any NSS tool sees it: with sql as its default NSS would convert or create one on opening. */
export function assertSqlDatabase(database: string, facts: DatabaseFacts): void {
  switch (facts.format) {
    case 'sql':
      return;
    case 'dbm':
      throw new HsmongerError(
        'NSS_UNSUPPORTED',
        `The NSS database ${database} has the old dbm format (cert8.db, key3.db); ${howToConvert(database)}.`,
      );
    case 'none':
      throw new HsmongerError(
        'NSS_NOT_FOUND',
        `There is no NSS database in ${database} (no cert9.db and key4.db); name the right directory as 'nss.database'.`,
      );
  }
}

/** What `writer` cannot write in the database, as names; empty when all of it. SQLite also makes files in the directory itself. */
export function notWritableBy(facts: DatabaseFacts, writer: Writer): string[] {
  const needed = [
    ...(facts.directory === undefined ? [] : [facts.directory]),
    ...facts.files.filter(({ name }) => ['cert9.db', 'key4.db', 'pkcs11.txt'].includes(name)),
  ];
  return needed.filter((file) => !mayWrite(file, writer)).map(({ name }) => name);
}

/** Files and the directory itself that belong to somebody else than `uid`, as names. */
export function notOwnedBy(facts: DatabaseFacts, uid: number): string[] {
  return [...(facts.directory === undefined ? [] : [facts.directory]), ...facts.files]
    .filter((file) => file.uid !== uid)
    .map(({ name }) => name);
}

/** Whether the internal database has a password of its own. Asks with an empty password file, so no password is ever tried. */
export async function needsPassword(nss: NssContext): Promise<boolean> {
  try {
    await certutil(nss, ['-K', '-f', '/dev/null'], { okExitCodes: [0] });
    return false;
  } catch (error) {
    if (!(error instanceof HsmongerError)) throw error;
    if (error.code === 'NSS_PASSWORD') return true;
    // certutil's way of saying that there is no key: exit 255.
    if (error.message.includes('no keys found')) return false;
    throw error;
  }
}

function formatOf(names: ReadonlySet<string>): DatabaseFacts['format'] {
  if (names.has('cert9.db') && names.has('key4.db')) return 'sql';
  return names.has('cert8.db') || names.has('key3.db') ? 'dbm' : 'none';
}

function fileFacts(name: string, stats: Stats): DatabaseFile {
  return { name, uid: stats.uid, gid: stats.gid, mode: stats.mode & 0o7777 };
}

/** As the kernel decides it: the first class that fits counts, the others are not looked at. ACLs are not seen here. */
function mayWrite({ uid, gid, mode }: DatabaseFile, writer: Writer): boolean {
  if (uid === writer.uid) return (mode & 0o200) !== 0;
  return (mode & (writer.gids.includes(gid) ? 0o020 : 0o002)) !== 0;
}
