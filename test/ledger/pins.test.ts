import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPinGuard } from '../../src/ledger/pins.js';
import type { PinMemory } from '../../src/pkcs11/token.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

let directory: PrivateDirectory;
let file: string;
const open: { close(): void }[] = [];

beforeEach(() => {
  directory = privateDirectory();
  file = path.join(directory.path, 'pins.sqlite');
});
afterEach(() => {
  for (const guard of open.splice(0)) guard.close();
  directory.remove();
});

function guard(options?: Parameters<typeof openPinGuard>[1]) {
  const opened = openPinGuard(file, options);
  open.push(opened);
  return opened;
}
const inMemory = <T>(work: (memory: PinMemory) => T, token = 'T') => guard().exclusively(token, (memory) => Promise.resolve(work(memory)));

/** A process of its own that holds the lock until it is told to end, or is killed. */
async function holder(): Promise<{ kill(): Promise<void>; finish(): Promise<void> }> {
  const child = spawn(process.execPath, ['--import', 'tsx', path.join(import.meta.dirname, 'lock-holder.ts'), file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) =>
    child.once('exit', () => {
      resolve();
    }),
  );
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => {
      resolve();
    });
    child.once('exit', () => {
      reject(new Error('The lock holder ended before it held the lock.'));
    });
  });
  return {
    kill: () => {
      child.kill('SIGKILL');
      return ended;
    },
    finish: () => {
      child.stdin.end();
      return ended;
    },
  };
}

describe('the memory of failed PINs', () => {
  it('keeps an attempt as unknown until its outcome is known, across processes and openings', async () => {
    const clock = () => new Date('2026-01-02T03:04:05Z');
    await guard({ clock }).exclusively('T', (memory) => {
      memory.trying('a');
      return Promise.resolve();
    });
    expect(await inMemory((memory) => memory.failureOf('a'))).toEqual({ source: 'a', at: clock(), outcome: 'unknown', attempts: 1 });
    await inMemory((memory) => {
      memory.trying('a');
    });
    expect(await inMemory((memory) => memory.failureOf('a'))).toMatchObject({ outcome: 'unknown', attempts: 2 });
    await inMemory((memory) => {
      memory.failed('a');
    });
    expect(await inMemory((memory) => memory.failureOf('a'))).toMatchObject({ outcome: 'failed', attempts: 2 });
  });

  it('knows sources and tokens apart: two bad sources taking turns are both remembered', async () => {
    await inMemory((memory) => {
      for (const source of ['a', 'b']) {
        memory.trying(source);
        memory.failed(source);
      }
      memory.succeeded('c');
    });
    expect(await inMemory((memory) => [memory.failureOf('a')?.outcome, memory.failureOf('b')?.outcome, memory.failureOf('c')])).toEqual([
      'failed',
      'failed',
      undefined,
    ]);
    expect(await inMemory((memory) => memory.failureOf('a'), 'another')).toBeUndefined();
  });

  it('forgets a source that succeeded, and takes back an attempt the token never judged', async () => {
    await inMemory((memory) => {
      memory.trying('a');
      memory.succeeded('a');
      memory.trying('b');
      memory.notJudged('b');
      memory.trying('c');
      memory.trying('c');
      memory.notJudged('c');
    });
    expect(await inMemory((memory) => ['a', 'b', 'c'].map((source) => memory.failureOf(source)?.attempts))).toEqual([
      undefined,
      undefined,
      1,
    ]);
  });

  it('keeps neither a PIN nor a hash anyone could test PINs against', async () => {
    const first = guard().tag(Buffer.from('a secret PIN'));
    expect(guard().tag(Buffer.from('a secret PIN'))).toBe(first);
    expect(guard().tag(Buffer.from('a secret pin'))).not.toBe(first);
    const other = openPinGuard(path.join(directory.path, 'other.sqlite'));
    open.push(other);
    expect(other.tag(Buffer.from('a secret PIN'))).not.toBe(first);
    await inMemory((memory) => {
      memory.failed(`environment:${first}`);
    });
    const hash = createHash('sha256').update('a secret PIN').digest('hex');
    expect(first).not.toContain(hash);
    for (const name of readdirSync(directory.path))
      expect(readFileSync(path.join(directory.path, name)).includes('a secret PIN')).toBe(false);
  });
});

describe('the lock on logins', () => {
  it('lets one attempt run at a time within a process, and goes on after one that throws', async () => {
    const steps: string[] = [];
    const attempt = (name: string) =>
      guard().exclusively('T', async () => {
        steps.push(`${name} begins`);
        await new Promise((resolve) => {
          setTimeout(resolve, 30);
        });
        steps.push(`${name} ends`);
        if (name === 'a') throw new Error('no');
      });
    const [a] = await Promise.allSettled(['a', 'b', 'c'].map(attempt));
    expect(a?.status).toBe('rejected');
    expect(steps).toHaveLength(6);
    for (let n = 0; n < 6; n += 2) expect(steps[n + 1]).toBe(steps[n]?.replace('begins', 'ends'));
  });

  it('waits for another process without blocking this one, and gives up with STATE_BUSY', async () => {
    const other = await holder();
    let ticks = 0;
    const ticking = setInterval(() => {
      ticks += 1;
    }, 10);
    await expect(guard({ patienceMs: 300 }).exclusively('T', () => Promise.resolve())).rejects.toMatchObject({ code: 'STATE_BUSY' });
    clearInterval(ticking);
    // A wait that blocks lets none through; a machine that stands still for a while lets some.
    expect(ticks).toBeGreaterThan(1);
    await other.finish();
    await expect(guard({ patienceMs: 300 }).exclusively('T', () => Promise.resolve('in'))).resolves.toBe('in');
  });

  it('ends with the process that held it, killed or not, and its attempt stays unknown', async () => {
    const other = await holder();
    await other.kill();
    await expect(guard({ patienceMs: 300 }).exclusively('T', (memory) => Promise.resolve(memory.failureOf('held')))).resolves.toMatchObject(
      { outcome: 'unknown' },
    );
  });

  it('says so where the files cannot be used', () => {
    writeFileSync(file, 'this is no database, and long enough for SQLite to look at it twice');
    expect(() => openPinGuard(file)).toThrow(expect.objectContaining({ code: 'STATE_UNAVAILABLE' }) as Error);
  });
});
