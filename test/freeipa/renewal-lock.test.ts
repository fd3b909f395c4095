import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readLease, writeLease } from '../../src/freeipa/renewal-lease.js';
import { holdRenewalLock } from '../../src/freeipa/renewal-lock.js';
import { isGone, selfMark } from '../../src/platform/process-mark.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { ensureServiceUser } from '../rig/service-user.js';

const owner = ensureServiceUser();
let scratch: PrivateDirectory;
let file: string;
const children: ChildProcess[] = [];

beforeAll(() => {
  scratch = privateDirectory('renewal-lock');
});
beforeEach(() => {
  rmSync(path.join(scratch.path, 'ipa'), { recursive: true, force: true });
  file = path.join(scratch.path, 'ipa', 'renewal.lock');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => {
  scratch.remove();
});

/** FreeIPA's side. */
const freeIpa = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync('python3', [path.join(import.meta.dirname, 'renewal-lock.py'), file, ...args], {
    encoding: 'utf8',
  });
  return status === 0 ? stdout.trim() : `raised ${/^[\w.]+Error(?=:)/mu.exec(stderr)?.[0] ?? stderr}`;
};
const put = (content: string) => {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content, { mode: 0o600 });
};
const stamp = (seconds: number) => `${new Date(Date.now() + seconds * 1000).toISOString().replace(/\D/gu, '')}000`;

/** Another process of ours that holds the lock, as the service user. */
async function other(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', path.join(import.meta.dirname, 'renewal-lock-worker.ts'), file, owner.name], {
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: path.resolve(import.meta.dirname, '../..'),
  });
  children.push(child);
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  expect(String(said)).toBe('held\n');
  return child;
}

describe("the lock and FreeIPA's class", () => {
  it('keep each other out, and each sees what the other has released', async () => {
    const held = await holdRenewalLock(file, 'hsmonger-submit[1]', { waitMs: 0 });
    expect(freeIpa('acquire', 'renew_ca_cert')).toBe('busy hsmonger-submit[1]');
    held.release();
    expect(readFileSync(file, 'utf8')).toBe('[lock]\nlocked = 0\n\n');
    expect(freeIpa('acquire', 'renew_ca_cert')).toBe('acquired');
    await expect(holdRenewalLock(file, 'x', { waitMs: 0 })).rejects.toMatchObject({
      code: 'RENEWAL_LOCKED',
      message: expect.stringContaining("'renew_ca_cert'") as string,
    });
    expect(freeIpa('release', 'renew_ca_cert')).toBe('released');
    (await holdRenewalLock(file, 'x', { waitMs: 0 })).release();
  });

  it('agree on what each of them writes', async () => {
    const held = await holdRenewalLock(file, 'hsmonger-submit[1]', { waitMs: 0 });
    const expires = readLease(readFileSync(file, 'utf8'))!.expires.toISOString().replace('Z', '');
    expect(freeIpa('show')).toBe(`hsmonger-submit[1] ${expires}000`.replace(/\.000000$/u, ''));
    held.release();
    expect(freeIpa('acquire', 'stop_pkicad')).toBe('acquired');
    expect(readLease(readFileSync(file, 'utf8'))).toMatchObject({ owner: 'stop_pkicad' });
  });

  it('are both for root alone: 0600, and made with the directory where that is missing', async () => {
    (await holdRenewalLock(file, 'x', { waitMs: 0 })).release();
    expect(statSync(file)).toMatchObject({ uid: 0 });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(freeIpa('show')).toBe('unlocked');
  });

  it('wait for the moment in which the other changes the file', async () => {
    put('');
    const holder = spawn('flock', ['-x', file, 'sh', '-c', 'echo held; sleep 3'], { stdio: ['ignore', 'pipe', 'ignore'] });
    children.push(holder);
    await once(holder.stdout, 'data');
    const start = Date.now();
    (await holdRenewalLock(file, 'x', { waitMs: 0 })).release();
    expect(Date.now() - start).toBeGreaterThan(1000);
  });
});

describe("what FreeIPA's class takes for unlocked or fails on for ever is unlocked, and written anew", () => {
  it.each([
    ['an empty file', '', 'unlocked'],
    ['no section', 'locked = 1\nowner = x\n', 'raised configparser.MissingSectionHeaderError'],
    ['garbage', '\0\u0001\u0002 not an INI file\n\n', 'raised configparser.MissingSectionHeaderError'],
    ['a value that is no boolean', `[lock]\nlocked = perhaps\nowner = x\nexpire = ${stamp(3600)}\n`, 'raised ValueError'],
    ['an end that is no time', '[lock]\nlocked = 1\nowner = x\nexpire = tomorrow\n', 'unlocked'],
    ['no end', '[lock]\nlocked = 1\nowner = x\n', 'unlocked'],
    ['no owner', `[lock]\nlocked = 1\nexpire = ${stamp(3600)}\n`, 'unlocked'],
    ['another section', `[other]\nlocked = 1\nowner = x\nexpire = ${stamp(3600)}\n`, 'unlocked'],
    ['a released lock', '[lock]\nlocked = 0\n\n', 'unlocked'],
  ])('%s', async (_what, content, freeIpaSays) => {
    put(content);
    expect(freeIpa('show')).toBe(freeIpaSays);
    const held = await holdRenewalLock(file, 'x', { waitMs: 0 });
    expect(freeIpa('show')).toMatch(/^x /u);
    held.release();
    expect(freeIpa('show')).toBe('unlocked');
  });
});

describe('what is locked for both', () => {
  it.each([
    ['as FreeIPA writes it', (end: string) => `[lock]\nlocked = 1\nowner = renew_ca_cert\nexpire = ${end}\n\n`],
    ['in other words for true', (end: string) => `[lock]\nLocked: Yes\nOWNER:renew_ca_cert\nexpire =${end}\n`],
    [
      'with a comment and other sections',
      (end: string) => `# made by hand\n[x]\nlocked = 0\n[lock]\nlocked = on\nowner = renew_ca_cert\nexpire = ${end}\n`,
    ],
  ])('%s', async (_what, content) => {
    put(content(stamp(3600)));
    expect(freeIpa('show')).toMatch(/^renew_ca_cert /u);
    await expect(holdRenewalLock(file, 'x', { waitMs: 0 })).rejects.toMatchObject({ code: 'RENEWAL_LOCKED' });
    expect(readFileSync(file, 'utf8')).toContain('renew_ca_cert');
  });

  it('is waited for, but only so long, and the message names who has it and until when', async () => {
    put(`[lock]\nlocked = 1\nowner = renew_ra_cert\nexpire = ${stamp(3600)}\n`);
    const start = Date.now();
    await expect(holdRenewalLock(file, 'x', { waitMs: 1500 })).rejects.toMatchObject({
      message: expect.stringMatching(/is held by 'renew_ra_cert' until \S+Z; waited 2 seconds/u) as string,
    });
    expect(Date.now() - start).toBeGreaterThanOrEqual(1500);
    expect(Date.now() - start).toBeLessThan(6000);
  });

  it('is had as soon as it is free', async () => {
    put(`[lock]\nlocked = 1\nowner = renew_ra_cert\nexpire = ${stamp(1)}\n`);
    (await holdRenewalLock(file, 'x', { waitMs: 10_000 })).release();
  });
});

describe('a lease', () => {
  it('that has ended is taken over', async () => {
    put(`[lock]\nlocked = 1\nowner = renew_ca_cert\nexpire = ${stamp(-1)}\n`);
    (await holdRenewalLock(file, 'x', { waitMs: 0 })).release();
  });

  it('of ours whose process was killed is taken over at once, and not while it lives', async () => {
    const child = await other();
    expect(freeIpa('show')).toMatch(new RegExp(`^hsmonger-submit\\[${String(child.pid)}\\] `, 'u'));
    await expect(holdRenewalLock(file, 'x', { waitMs: 0 })).rejects.toMatchObject({
      message: expect.stringContaining(`hsmonger-submit[${String(child.pid)}]`) as string,
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    (await holdRenewalLock(file, 'x', { waitMs: 0 })).release();
  });

  it.each(['release', 'end'])('taken after the drop to the service user is given back by %s', async (how) => {
    const child = await other();
    child.stdin!.write(how);
    await once(child, 'exit');
    expect(freeIpa('show')).toBe('unlocked');
  });

  it('is extended while its process works, and not afterwards', async () => {
    const held = await holdRenewalLock(file, 'x', { waitMs: 0, leaseMs: 6000 });
    await new Promise((resolve) => setTimeout(resolve, 9000));
    expect(freeIpa('acquire', 'renew_ca_cert')).toBe('busy x');
    held.release();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(freeIpa('show')).toBe('unlocked');
  });

  it('that somebody took over meanwhile is not given back in their place', async () => {
    const held = await holdRenewalLock(file, 'x', { waitMs: 0 });
    put(`[lock]\nlocked = 1\nowner = renew_ca_cert\nexpire = ${stamp(3600)}\n`);
    held.release();
    expect(freeIpa('show')).toMatch(/^renew_ca_cert /u);
  });

  it('is written and read alike', () => {
    const lease = { owner: 'hsmonger-submit[7]', expires: new Date('2026-11-22T12:17:27.913Z'), mark: 'a/b/7/9' };
    expect(readLease(writeLease(lease))).toEqual(lease);
    expect(writeLease(lease)).toContain('expire = 20261122121727913000\n');
  });
});

describe('a lock file that is not what it should be is refused', () => {
  it.each<[string, () => void]>([
    [
      'a link',
      () => {
        symlinkSync('/etc/hostname', file);
      },
    ],
    [
      'a directory',
      () => {
        mkdirSync(file);
      },
    ],
    [
      'a pipe',
      () => {
        execFileSync('mkfifo', [file]);
      },
    ],
    [
      "another user's file",
      () => {
        put('x');
        chownSync(file, owner.uid, owner.gid);
        chmodSync(file, 0o600);
      },
    ],
  ])('%s', async (_what, make) => {
    mkdirSync(path.dirname(file));
    make();
    await expect(holdRenewalLock(file, 'x', { waitMs: 0 })).rejects.toMatchObject({
      code: 'STATE_UNAVAILABLE',
      message: expect.stringContaining(file) as string,
    });
  });
});

describe('the mark of a process', () => {
  it('says of the living that they live, of the dead that they are gone, and nothing of strangers', () => {
    const [boot, namespace, pid, start] = selfMark().split('/') as [string, string, string, string];
    expect(isGone(selfMark())).toBe(false);
    expect(isGone([boot, namespace, pid, String(Number(start) + 1)].join('/'))).toBe(true);
    expect(isGone(['another-boot', namespace, pid, start].join('/'))).toBe(true);
    expect(isGone([boot, '1', pid, 'x'].join('/'))).toBe(false);
    for (const text of ['', 'x', '///', `${boot}/${namespace}/../1`]) expect(isGone(text), text).toBe(false);
  });
});
