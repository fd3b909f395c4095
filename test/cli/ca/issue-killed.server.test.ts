/** kill -9 of `ca issue` in the middle of many: files that are there are whole, and the next run finishes with the same certificates. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { installation } from '../../../src/platform/installation.js';
import { certificateFromPem } from '../../../src/x509/pem.js';
import { makeRequests } from '../../x509/many-requests.js';
import { hsmonger } from '../site.js';
import { layGround, type Ground } from './ground.js';

const count = 3000;
let ground: Ground;
let order: string[];
let out: string;

beforeAll(async () => {
  ground = await layGround();
  const made = await hsmonger(
    'ca',
    'init-root',
    '--instance',
    'many',
    ...ground.here,
    ...ground.onToken,
    '--subject',
    'CN=Root of many',
    '--key-type',
    'P-256',
  );
  expect(made.exitCode, made.err).toBe(0);
  const [requests, certificates] = ['requests', 'certificates'].map((name) => path.join(ground.directory, name)) as [string, string];
  for (const directory of [requests, certificates]) mkdirSync(directory);
  for (const { name, csr } of makeRequests(count)) writeFileSync(path.join(requests, `${name}.csr`), csr);
  out = certificates;
  order = ['ca', 'issue', '--instance', 'many', ...ground.here, '--in-dir', requests, '--out-dir', certificates];
});
afterAll(() => ground.remove());

const files = () => readdirSync(out).filter((name) => name.endsWith('.crt'));

it('leaves whole files, written as batches are committed, and the next run finishes', async () => {
  const child = spawn(path.join(installation().executables, 'hsmonger'), order, { detached: true, stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      resolve();
    });
  });
  while (files().length === 0 && child.exitCode === null) await sleep(5);
  process.kill(-child.pid!, 'SIGKILL');
  await ended;
  const before = new Map(files().map((name) => [name, readFileSync(path.join(out, name), 'latin1')]));
  expect(before.size).toBeGreaterThan(0);
  expect(before.size).toBeLessThan(count);
  for (const [name, pem] of before) expect(() => certificateFromPem(pem, name)).not.toThrow();

  // On a terminal, where progress is shown.
  const said = execFileSync(
    'script',
    [
      '--quiet',
      '--return',
      '--command',
      [path.join(installation().executables, 'hsmonger'), ...order].map((word) => `'${word}'`).join(' '),
      '/dev/null',
    ],
    { env: { ...process.env, TERM: 'xterm' } },
  ).toString();
  expect(said).toMatch(/\d+ of 3000 certificates[^i]/u);
  expect(said).toMatch(/3000 of 3000 certificates issued, \d+ of them before\./u);
  expect(files()).toHaveLength(count);
  // What was half written when it was killed is gone too.
  expect(readdirSync(out)).toHaveLength(count);
  for (const [name, pem] of before) expect(readFileSync(path.join(out, name), 'latin1')).toBe(pem);
}, 240_000);
