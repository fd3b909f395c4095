import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ledgerFile, nameByFlags, pinsFile, stateDirectory } from '../../src/config/directories.js';
import type { Directories } from '../../src/config/instance.js';
import { prepareState } from '../../src/config/prepare-state.js';
import type { ServiceContext } from '../../src/service/context.js';
import { emptyState } from '../../src/service/tasks/state/setup-memory.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { ensureServiceUser } from '../rig/service-user.js';

let directory: PrivateDirectory;
let directories: Directories;

beforeEach(() => {
  directory = privateDirectory();
  directories = { config: '/nonexistent', state: path.join(directory.path, 'state') };
});
afterEach(() => {
  directory.remove();
});

const one = { name: 'one', user: 'pkiuser' };
const two = { name: 'two', user: 'pkiuser' };

it('two instances of one service user remember failed logins together, each its ledger alone; another user has its own memory', () => {
  expect(pinsFile(directories, one)).toBe(pinsFile(directories, two));
  expect(ledgerFile(directories, one)).not.toBe(ledgerFile(directories, two));
  expect(pinsFile(directories, one)).not.toBe(pinsFile(directories, { user: 'other' }));
});

it("all places are the service user's alone, and emptying an instance's leaves the memory of failed logins", async () => {
  const account = ensureServiceUser();
  prepareState(directories, one, account);
  for (const file of [ledgerFile(directories, one), pinsFile(directories, one)]) {
    expect(statSync(path.dirname(file))).toMatchObject({ uid: account.uid });
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
    writeFileSync(file, '');
  }
  // Where it looks at a token by flags: it can make no directory there itself.
  expect(statSync(stateDirectory(directories, { name: nameByFlags('pkiuser') }))).toMatchObject({ uid: account.uid });
  await emptyState({ directories, instance: one } as ServiceContext);
  expect(readdirSync(path.join(directories.state, 'one'))).toEqual([]);
  expect(existsSync(pinsFile(directories, one))).toBe(true);
});
