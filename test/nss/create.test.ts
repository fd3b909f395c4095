import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createDatabase } from '../../src/nss/create.js';
import { needsPassword } from '../../src/nss/database.js';
import { run } from '../../src/platform/run.js';
import { privateDirectory } from '../rig/directory.js';

let scratch: ReturnType<typeof privateDirectory>;
beforeEach(() => {
  scratch = privateDirectory('nss-create');
});
afterEach(() => scratch.remove());

const nss = () => ({ database: path.join(scratch.path, 'nss'), environment: {}, run });
const parts = ['cert9.db', 'key4.db', 'pkcs11.txt'];

it('makes one that certutil opens without a password, once', async () => {
  expect(await createDatabase(nss())).toBe(true);
  expect(readdirSync(nss().database).sort()).toEqual(parts);
  expect(await needsPassword(nss())).toBe(false);
  const key = readFileSync(path.join(nss().database, 'key4.db'));
  expect(await createDatabase(nss())).toBe(false);
  expect(readFileSync(path.join(nss().database, 'key4.db'))).toEqual(key);
});

it('begins anew what a killed attempt left, and only that', async () => {
  mkdirSync(nss().database);
  // Not initialised yet, as between certutil's first write and its last.
  for (const name of ['.hsmonger-making', ...parts]) writeFileSync(path.join(nss().database, name), '');
  writeFileSync(path.join(nss().database, 'note.txt'), 'mine');
  expect(await createDatabase(nss())).toBe(true);
  expect(readdirSync(nss().database).sort()).toEqual([...parts, 'note.txt'].sort());
  expect(execFileSync('certutil', ['-L', '-d', `sql:${nss().database}`], { encoding: 'utf8' })).toContain('Certificate Nickname');
});

it('leaves an old dbm database alone', async () => {
  mkdirSync(nss().database);
  writeFileSync(path.join(nss().database, 'cert8.db'), 'old');
  await expect(createDatabase(nss())).rejects.toMatchObject({ code: 'NSS_UNSUPPORTED' });
  expect(readdirSync(nss().database)).toEqual(['cert8.db']);
});
