import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assertSqlDatabase, databaseFacts, needsPassword, notOwnedBy, notWritableBy } from '../../src/nss/database.js';
import { internalTokenName, listModules, moduleFor, registerModule } from '../../src/nss/modules.js';
import type { NssContext } from '../../src/nss/tools.js';
import { run } from '../../src/platform/run.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { createNssDatabase } from '../rig/nss-database.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';

const owner = ensureServiceUser();
let directory: PrivateDirectory;
let token: SoftToken;
let nss: NssContext;

beforeAll(async () => {
  directory = privateDirectory('nss');
  token = await createSoftToken({ directory: directory.path, owner });
  nss = { database: (await createNssDatabase({ directory: directory.path, owner })).database, environment: token.environment, run };
});
afterAll(() => {
  directory.remove();
});

async function database(name: string, password?: string): Promise<NssContext> {
  const made = await createNssDatabase({ directory: directory.path, name, owner, ...(password === undefined ? {} : { password }) });
  return { ...nss, database: made.database };
}

describe('facts', () => {
  test('an sql database is recognised, with owners', () => {
    const facts = databaseFacts(nss.database);
    expect(facts.format).toBe('sql');
    expect(facts.files.map(({ name }) => name)).toEqual(['cert9.db', 'key4.db', 'pkcs11.txt']);
    expect(notOwnedBy(facts, owner.uid)).toEqual([]);
    expect(notOwnedBy(facts, owner.uid + 1)).toEqual(['.', 'cert9.db', 'key4.db', 'pkcs11.txt']);
    expect(() => {
      assertSqlDatabase(nss.database, facts);
    }).not.toThrow();
  });

  test('a link that leads nowhere hides nothing: the database is there all the same', async () => {
    const { database: dangling } = await database('dangling');
    symlinkSync('/nonexistent/journal', path.join(dangling, 'cert9.db-journal'));
    expect(databaseFacts(dangling)).toMatchObject({ format: 'sql' });
  });

  test('an old dbm database and an empty directory are refused before NSS could convert or make one', () => {
    const dbm = path.join(directory.path, 'dbm');
    mkdirSync(dbm);
    expect(() => {
      assertSqlDatabase(dbm, databaseFacts(dbm));
    }).toThrow(expect.objectContaining({ code: 'NSS_NOT_FOUND' }));
    writeFileSync(path.join(dbm, 'cert8.db'), '');
    writeFileSync(path.join(dbm, 'key3.db'), '');
    expect(() => {
      assertSqlDatabase(dbm, databaseFacts(dbm));
    }).toThrow(expect.objectContaining({ code: 'NSS_UNSUPPORTED' }));
    expect(() => {
      assertSqlDatabase('/nonexistent', databaseFacts('/nonexistent'));
    }).toThrow(expect.objectContaining({ code: 'NSS_NOT_FOUND' }));
  });

  test('what a user cannot write is named: the first class that fits decides, as in the kernel', async () => {
    const { database: other } = await database('writable');
    chownSync(path.join(other, 'key4.db'), 0, owner.gid);
    chmodSync(path.join(other, 'key4.db'), 0o640);
    chmodSync(path.join(other, 'cert9.db'), 0o466);
    const facts = databaseFacts(other);
    expect(notWritableBy(facts, { uid: owner.uid, gids: [owner.gid] })).toEqual(['cert9.db', 'key4.db']);
    expect(notWritableBy(databaseFacts(nss.database), { uid: owner.uid, gids: [owner.gid] })).toEqual([]);
    expect(notWritableBy(databaseFacts(nss.database), { uid: 65_534, gids: [65_534] })).toContain('.');
  });
});

describe('the internal password', () => {
  test('is noticed without trying one', async () => {
    expect(await needsPassword(nss)).toBe(false);
    expect(await needsPassword(await database('guarded', 'secret of its own'))).toBe(true);
  });

  test('is noticed in FIPS mode, where the internal token has another name', async () => {
    const fips = await database('fips', 'Secret-of-its-0wn');
    await run('modutil', ['-dbdir', `sql:${fips.database}`, '-fips', 'true', '-force']);
    expect(internalTokenName(await listModules(fips))).toBe('NSS FIPS 140-2 Certificate DB');
    expect(await needsPassword(fips)).toBe(true);
  });

  test('a damaged database is a failure, not a missing password', async () => {
    const damaged = await database('damaged');
    writeFileSync(path.join(damaged.database, 'cert9.db'), Buffer.alloc(5000, 7));
    await expect(needsPassword(damaged)).rejects.toMatchObject({
      code: 'NSS_FAILED',
      message: expect.stringContaining(damaged.database) as string,
    });
  });
});

describe('modules', () => {
  test('a library is registered once, under its base name, and found again through a link', async () => {
    const fresh = await database('modules');
    expect(internalTokenName(await listModules(fresh))).toBe('NSS Certificate DB');
    expect(await registerModule(fresh, token.module)).toBe('libsofthsm2');
    expect(await registerModule(fresh, token.module)).toBe('libsofthsm2');
    const modules = await listModules(fresh);
    expect(modules).toHaveLength(2);
    expect(moduleFor(modules, `/usr/lib/softhsm/../softhsm/libsofthsm2.so`)).toMatchObject({ loaded: true, library: token.module });
    expect(moduleFor(modules, token.module)?.tokens).toContain(token.label);
  });

  test('a name that another library has is not taken over', async () => {
    const taken = await database('taken');
    const copy = path.join(directory.path, 'copy');
    mkdirSync(copy);
    await run('cp', [token.module, path.join(copy, 'libsofthsm2.so')]);
    await registerModule(taken, path.join(copy, 'libsofthsm2.so'));
    await expect(registerModule(taken, token.module)).rejects.toMatchObject({
      code: 'NSS_FAILED',
      message: expect.stringContaining('copy/libsofthsm2.so') as string,
    });
    renameSync(copy, `${copy}.gone`);
    rmSync(`${copy}.gone`, { recursive: true });
    expect((await listModules(taken)).find(({ name }) => name === 'libsofthsm2')?.loaded).toBe(false);
  });
});
