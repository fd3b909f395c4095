import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PinSource, TokenConfig } from '../../src/config/instance.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';

/** OpenSC's module that writes every call to a file and passes it on. */
const spy = '/usr/lib/x86_64-linux-gnu/pkcs11/pkcs11-spy.so';
const run = promisify(execFile);

let directory: PrivateDirectory;
let soft: SoftToken;
let log: string;
let memory: string;

beforeAll(async () => {
  directory = privateDirectory();
  soft = await createSoftToken({ directory: directory.path });
  log = path.join(directory.path, 'spy');
  memory = path.join(directory.path, 'pins.sqlite');
});
afterAll(() => {
  directory.remove();
});

/** Calls of C_Login, by any process, since the last time this was asked. */
function logins(): number {
  const count = spied()
    .map((file) => readFileSync(file, 'utf8').match(/: C_Login\b/gu)?.length ?? 0)
    .reduce((sum, each) => sum + each, 0);
  for (const file of spied()) rmSync(file);
  return count;
}

function spied(): string[] {
  return readdirSync(directory.path)
    .filter((name) => name.startsWith('spy'))
    .map((name) => path.join(directory.path, name));
}

/** A process of its own that logs in `times` times. */
async function child(
  times = 1,
  pin: PinSource = { from: 'file', path: soft.pinFile },
  env: Record<string, string> = {},
): Promise<string[]> {
  const environment = { ...soft.environment, PKCS11SPY: soft.module, PKCS11SPY_OUTPUT: `${log}-${Math.random().toString(36).slice(2)}` };
  const config: TokenConfig = { selector: { by: 'label', label: soft.label }, module: spy, environment, pin };
  const args = ['--import', 'tsx', path.join(import.meta.dirname, 'login-child.ts'), JSON.stringify(config), memory, String(times)];
  const { stdout } = await run(process.execPath, args, { env: { ...process.env, ...env } });
  return JSON.parse(stdout) as string[];
}

const eight = (make: () => Promise<string[]>) => Promise.all(Array.from({ length: 8 }, make)).then((answers) => answers.flat().sort());

describe('a PIN', () => {
  it('that is right logs eight processes in', async () => {
    expect(await eight(() => child())).toEqual(Array(8).fill('in'));
    expect(logins()).toBe(8);
  });

  it('that is wrong costs one attempt, for eight processes at once and however often they try', async () => {
    writeFileSync(soft.pinFile, 'wrong\n');
    expect(await eight(() => child(3))).toEqual(['PIN_INCORRECT', ...Array<string>(23).fill('PIN_KNOWN_BAD')].sort());
    expect(await child()).toEqual(['PIN_KNOWN_BAD']);
    expect(logins()).toBe(1);
  });

  it('that is written anew is tried, though the count is low; a wrong one once', async () => {
    writeFileSync(soft.pinFile, 'wrong again\n');
    expect(await eight(() => child())).toEqual(['PIN_INCORRECT', ...Array<string>(7).fill('PIN_KNOWN_BAD')].sort());
    expect(logins()).toBe(1);
    writeFileSync(soft.pinFile, `${soft.pin}\n`);
    expect(await child(2)).toEqual(['in', 'in']);
    expect(logins()).toBe(2);
  });

  it('that is wrong in a variable costs one attempt too, and is known again by its tag', async () => {
    const source: PinSource = { from: 'environment', variable: 'TOKEN_PIN' };
    expect(await child(2, source, { TOKEN_PIN: 'nonsense' })).toEqual(['PIN_INCORRECT', 'PIN_KNOWN_BAD']);
    expect(await child(1, source, { TOKEN_PIN: 'nonsense' })).toEqual(['PIN_KNOWN_BAD']);
    expect(await child(1, source, { TOKEN_PIN: soft.pin })).toEqual(['in']);
    expect(logins()).toBe(2);
    expect(readFileSync(memory).includes('nonsense')).toBe(false);
  });
});
