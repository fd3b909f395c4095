import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { explained, explaining, openDatabase } from '../../src/ledger/database.js';
import { exclusively } from '../../src/ledger/exclusively.js';
import { openLedger } from '../../src/ledger/ledger.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

let directory: PrivateDirectory;
let file: string;

beforeEach(() => {
  directory = privateDirectory();
  file = path.join(directory.path, 'a.sqlite');
});
afterEach(() => {
  directory.remove();
});

const schema = 'CREATE TABLE IF NOT EXISTS a (id INTEGER PRIMARY KEY) STRICT;';

describe('a database', () => {
  it.each([false, true])('made by a newer version is refused and stays as it is (readonly: %s)', (readonly) => {
    openDatabase(file, { schema, version: 2 }).close();
    const before = readFileSync(file);
    expect(() => openDatabase(file, { schema, version: 1, readonly })).toThrow(
      expect.objectContaining({
        code: 'STATE_UNAVAILABLE',
        message: expect.stringMatching(/made by a newer hsmonger/u) as string,
      }) as Error,
    );
    expect(readFileSync(file)).toEqual(before);
  });

  it('made by an older version is brought up to date', () => {
    openDatabase(file, { schema: '', version: 1 }).close();
    const database = openDatabase(file, { schema, version: 2 });
    expect(database.pragma('user_version', { simple: true })).toBe(2);
    expect(database.prepare('SELECT count(*) AS rows FROM a').get()).toEqual({ rows: 0 });
    database.close();
  });

  it('that was moved away under an open process takes nothing more, whether or not another is there', async () => {
    const [there, kept] = ['there', 'kept'].map((name) => path.join(directory.path, name)) as [string, string];
    mkdirSync(there);
    const ledger = openLedger(path.join(there, 'a.sqlite'));
    renameSync(there, kept);
    const write = () => exclusively(ledger, 1000, () => Promise.resolve(ledger.exec("INSERT INTO interfaces VALUES ('lost', 'x')")));
    await expect(write()).rejects.toMatchObject({
      code: 'STATE_BUSY',
      message: expect.stringContaining('was replaced, as a restore does') as string,
    });
    mkdirSync(there);
    openLedger(path.join(there, 'a.sqlite')).close();
    await expect(write()).rejects.toMatchObject({ code: 'STATE_BUSY' });
    ledger.close();
    const rows = openLedger(path.join(kept, 'a.sqlite'));
    expect(rows.prepare('SELECT count(*) FROM interfaces').pluck().get()).toBe(0);
    rows.close();
  });

  it('that another process holds blocks this one for two seconds, not for half a deadline', () => {
    const ours = openLedger(file);
    const theirs = openLedger(file);
    theirs.exec('BEGIN IMMEDIATE');
    const begun = Date.now();
    expect(() => explaining(file, () => ours.exec('DELETE FROM outcomes'))).toThrow(
      expect.objectContaining({ code: 'STATE_BUSY' }) as Error,
    );
    // SQLite counts the sleeps it asked for, which take longer on a busy machine. Half a deadline would be 60 s.
    expect(Date.now() - begun).toBeLessThan(15_000);
    theirs.close();
    ours.close();
  });
});

describe('an error in a database step', () => {
  it("is told as the file's when SQLite or a system call failed", () => {
    expect(explained('/f', new Sqlite.SqliteError('database is locked', 'SQLITE_BUSY_SNAPSHOT'))).toMatchObject({ code: 'STATE_BUSY' });
    expect(
      explained('/f', Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', errno: -28, syscall: 'write' })),
    ).toMatchObject({ code: 'STATE_UNAVAILABLE', message: expect.stringContaining('the disk is full') as string });
  });

  it.each<[string, unknown]>([
    ["a PKCS#11 module's, whose code is a number", Object.assign(new Error('CKR_DEVICE_ERROR'), { code: 0x30 })],
    ["Node's own", Object.assign(new TypeError('Wrong argument'), { code: 'ERR_INVALID_ARG_TYPE' })],
    ['no error at all', 'text'],
    ['nothing', undefined],
  ])('stays as it is when it is %s', (_, error) => {
    expect(explained('/f', error)).toBe(error);
  });
});
