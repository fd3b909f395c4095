/**
 * A database of the old format, made by the real certutil as Certificate System of that time did, is refused; and the commands of the
 * refusal convert it.
 */
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { assertSqlDatabase, databaseFacts } from '../../src/nss/database.js';
import type { HsmongerError } from '../../src/errors.js';
import { runAs } from '../rig/run-as.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

let scratch: PrivateDirectory;
const owner = ensureServiceUser();
beforeEach(() => {
  scratch = privateDirectory('dbm');
  chownSync(scratch.path, owner.uid, owner.gid);
});
afterEach(() => {
  scratch.remove();
});

const certutil = async (...args: string[]) => (await runAs(owner, 'certutil', args, { cwd: '/' })).stdout;

test('its certificates, trust and keys go over by the commands of the sentence, and not by --upgrade-merge in place', async () => {
  const database = path.join(scratch.path, 'alias');
  const [password, noise] = [path.join(scratch.path, 'password'), path.join(scratch.path, 'noise')];
  mkdirSync(database);
  writeFileSync(password, 'old-password\n');
  writeFileSync(noise, randomBytes(2048));
  chownSync(database, owner.uid, owner.gid);
  await certutil('-N', '-d', `dbm:${database}`, '-f', password);
  await certutil('-S', '-d', `dbm:${database}`, '-n', 'caSigningCert', '-s', 'CN=CA', '-x', '-t', 'CT,C,C', '-f', password, '-z', noise);
  const seen = async (prefixed: string) => ({
    certificates: (await certutil('-L', '-d', prefixed)).match(/^caSigningCert +\S+/gmu),
    keys: (await certutil('-K', '-d', prefixed, '-f', password)).match(/[0-9a-f]{40}/gu),
  });
  const before = await seen(`dbm:${database}`);
  expect(before.keys).toHaveLength(1);

  let sentence = '';
  try {
    assertSqlDatabase(database, databaseFacts(database));
  } catch (error) {
    expect(error).toMatchObject({ code: 'NSS_UNSUPPORTED' });
    sentence = (error as HsmongerError).message;
  }
  const commands = /: (mkdir [^;]+); (certutil -N [^;]+); (certutil --merge .*?) \(in scripts/u.exec(sentence)?.slice(1) ?? [];
  expect(commands).toHaveLength(3);
  for (const command of commands) {
    const [program = '', ...args] = command.split(' ');
    await runAs(
      owner,
      program,
      [...args, ...(args[0] === '-N' ? ['-f', password] : args[0] === '--merge' ? ['-f', password, '-@', password] : [])],
      { cwd: '/' },
    );
  }
  expect(await seen(`sql:${database}.sql`)).toEqual(before);
  expect(() => {
    assertSqlDatabase(`${database}.sql`, databaseFacts(`${database}.sql`));
  }).not.toThrow();

  await certutil('--upgrade-merge', '-d', `sql:${database}`, '--source-dir', database, '--upgrade-id', '1', '-f', password, '-@', password);
  expect((await certutil('-L', '-d', `sql:${database}`)).match(/^caSigningCert/gmu)).toBeNull();
});
