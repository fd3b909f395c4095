import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Account } from '../../src/platform/service-user.js';
import { ensureStateDirectory } from '../../src/platform/state-directory.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { ensureServiceUser } from '../rig/service-user.js';

const source = JSON.stringify(path.resolve(import.meta.dirname, '../../src/platform/state-directory.ts'));
let directory: PrivateDirectory;
let account: Account;
let state: string;

beforeEach(() => {
  directory = privateDirectory();
  account = ensureServiceUser();
  state = path.join(directory.path, 'state', 'hsmonger');
});
afterEach(() => {
  directory.remove();
});

const refused = (message: RegExp) =>
  expect.objectContaining({ code: 'STATE_UNAVAILABLE', message: expect.stringMatching(message) as string }) as Error;
const ensure = () => {
  ensureStateDirectory(state, account);
};
const script = (body: string) => [
  '--import',
  'tsx',
  '--input-type=module',
  '-e',
  `import { ensureStateDirectory } from ${source}; ${body}`,
];
const call = () => `ensureStateDirectory(${JSON.stringify(state)}, ${JSON.stringify(account)});`;

describe('the state directory', () => {
  it('is made by root for the service user alone, its parents so that this user can enter them, and stays as it is', () => {
    const mask = process.umask(0o077);
    ensure();
    process.umask(mask);
    expect(statSync(state)).toMatchObject({ uid: account.uid, gid: account.gid });
    expect(statSync(state).mode & 0o7777).toBe(0o700);
    expect(statSync(path.dirname(state))).toMatchObject({ uid: 0 });
    expect(statSync(path.dirname(state)).mode & 0o7777).toBe(0o755);
    writeFileSync(path.join(state, 'ledger.sqlite'), '');
    ensure();
    expect(readdirSync(state)).toEqual(['ledger.sqlite']);
  });

  it.each<[string, (parent: string) => void]>([
    [
      'is owned by the service user',
      (parent) => {
        chownSync(parent, account.uid, account.gid);
      },
    ],
    [
      'can be written by others',
      (parent) => {
        chmodSync(parent, 0o777);
      },
    ],
  ])('is not made by root below a directory that %s: nothing is followed, nothing chowned', (_, spoil) => {
    const parent = path.dirname(state);
    mkdirSync(parent);
    const victim = path.join(directory.path, 'victim');
    mkdirSync(victim);
    symlinkSync(victim, state);
    spoil(parent);
    expect(ensure).toThrow(refused(/Refusing to keep state below .*state (?:is owned|can be written).*chown root: and chmod go-w/u));
    state = path.join(parent, 'another');
    expect(ensure).toThrow(refused(/Refusing/u));
    state = path.join(parent, 'deeper', 'another');
    expect(ensure).toThrow(refused(/Refusing/u));
    expect(readdirSync(parent)).toEqual(['hsmonger']);
    expect(lstatSync(victim).uid).toBe(0);
  });

  it('may lie below a sticky directory, where a link in its place is refused and not followed', () => {
    mkdirSync(path.dirname(state));
    chmodSync(path.dirname(state), 0o1777);
    ensure();
    const victim = path.join(directory.path, 'victim');
    mkdirSync(victim);
    state = path.join(path.dirname(state), 'planted');
    symlinkSync(victim, state);
    expect(ensure).toThrow(refused(/planted must be a directory owned by/u));
    expect(lstatSync(victim).uid).toBe(0);
  });

  it('has its owner from the first moment: a process killed before leaves nothing under its name, and what it left is swept', () => {
    // The kill comes where a chown would.
    const killed = spawnSync(
      process.execPath,
      script(`
      import fs from 'node:fs';
      import { syncBuiltinESMExports } from 'node:module';
      fs.lchownSync = fs.chownSync = () => process.kill(process.pid, 'SIGKILL');
      syncBuiltinESMExports();
      ${call()}
    `),
    );
    expect(killed.signal).toBe('SIGKILL');
    expect(readdirSync(path.dirname(state))).toEqual([expect.stringMatching(/^\.new-hsmonger\./u)]);
    ensure();
    expect(readdirSync(path.dirname(state))).toEqual(['hsmonger']);
    expect(statSync(state).uid).toBe(account.uid);
  });

  it('is made by eight processes at once without a failure or a remainder', async () => {
    const at = Date.now() + 4000;
    const codes = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const child = spawn(process.execPath, script(`while (Date.now() < ${String(at)}); ${call()}`), { stdio: 'inherit' });
        return (await once(child, 'exit'))[0] as number;
      }),
    );
    expect(codes).toEqual(Array(8).fill(0));
    expect(readdirSync(path.dirname(state))).toEqual(['hsmonger']);
  }, 60_000);
});
