/**
 * Design rule 4: while commands that log in run, neither PIN is in the arguments or the environment of any process, and afterwards in no
 * file but its own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { layGround, type Ground } from './ca/ground.js';
import { hsmonger, type Said } from './site.js';

const pins = ['user-pin-of-this-test-4711', 'so-pin-of-this-test-0815'] as const;
let ground: Ground;
beforeAll(async () => {
  ground = await layGround();
});
afterAll(() => ground.remove());

/** Processes that showed one, by what they were started as. */
function shown(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .flatMap((pid) => {
      try {
        const both = readFileSync(`/proc/${pid}/cmdline`, 'latin1') + readFileSync(`/proc/${pid}/environ`, 'latin1');
        return pins.some((pin) => both.includes(pin)) ? [both.replaceAll('\0', ' ')] : [];
      } catch {
        // It has ended.
        return [];
      }
    });
}

async function watched(...command: string[]): Promise<{ readonly said: Said; readonly leaks: string[]; readonly looks: number }> {
  const ended = new AbortController();
  const leaks: string[] = [];
  const running = hsmonger(...command, ...ground.here).finally(() => {
    ended.abort();
  });
  let looks = 0;
  for (; !ended.signal.aborted; looks += 1) {
    leaks.push(...shown());
    await breathe();
  }
  return { said: await running, leaks, looks };
}

function secret(name: string, pin: string): string {
  const file = path.join(ground.directory, name);
  writeFileSync(file, `${pin}\n`, { mode: 0o600 });
  chownSync(file, ground.owner.uid, ground.owner.gid);
  return file;
}

test('token init, keygen, ca init-root, issue, crl and a backup', async () => {
  const [pinFile, soPinFile] = [secret('user.pin', pins[0]), secret('so.pin', pins[1])];
  const flags = [
    '--module',
    ground.token.module,
    '--module-env',
    `SOFTHSM2_CONF=${ground.token.confFile}`,
    '--token',
    'quiet',
    '--pin-file',
    pinFile,
  ];
  const out = path.join(ground.directory, 'out');
  mkdirSync(out);
  for (const command of [
    ['token', 'init', ...flags, '--so-pin-file', soPinFile],
    ['token', 'keygen', ...flags, '--type', 'P-256', '--label', 'spare'],
    ['ca', 'init-root', '--instance', 'root', ...flags, '--subject', 'CN=Quiet Root', '--key-type', 'P-256'],
    [
      'ca',
      'issue',
      '--instance',
      'root',
      '--nickname',
      'www',
      '--subject',
      'CN=www.example.test',
      '--key-type',
      'P-256',
      '--out',
      path.join(out, 'www.crt'),
    ],
    ['ca', 'crl', '--instance', 'root', '--out', path.join(out, 'root.crl')],
    ['backup', path.join(out, 'all.tar')],
  ]) {
    const { said, leaks, looks } = await watched(...command);
    expect(said.exitCode, said.err).toBe(0);
    expect(looks).toBeGreaterThan(3);
    expect(leaks).toEqual([]);
    expect(said.out + said.err).not.toMatch(/pin-of-this-test/u);
  }
  const files = readdirSync(ground.directory, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(ground.directory, name))
    .filter((file) => statSync(file).isFile());
  expect(files.filter((file) => readFileSync(file, 'latin1').includes('pin-of-this-test')).sort()).toEqual([soPinFile, pinFile].sort());
  expect(files.some((file) => file.endsWith('ledger.sqlite'))).toBe(true);
});

test('the watch sees what it should see', async () => {
  for (const [args, env] of [
    [['-c', 'sleep 60; true', pins[1]], {}],
    [['-c', 'sleep 60; true'], { SHOWN: pins[0] }],
  ] as const) {
    const child = spawn('sh', args, { env: { PATH: process.env['PATH'], ...env }, stdio: 'ignore' });
    await once(child, 'spawn');
    // Its command line is there a moment after it is.
    await expect.poll(() => shown().length, { timeout: 10_000 }).toBeGreaterThan(0);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});
