import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { parse } from 'smol-toml';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { createEvents } from '../../../src/agent/report/events.js';
import { nextTry, type Cost } from '../../../src/agent/heal/next-try.js';
import { oneAtATime } from '../../../src/agent/heal/one-at-a-time.js';
import { pinFileOf } from '../../../src/agent/heal/pin-file.js';
import { createIncidentEvents } from '../../../src/agent/heal/incident-events.js';
import { parseInstance } from '../../../src/config/schema.js';
import type { Diagnosis } from '../../../src/diagnosis/diagnosis.js';
import { movePinAside, pinFileNow } from '../../../src/pkcs11/pin/pin-aside.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';

const now = new Date('2026-06-01T00:00:00Z');
const day = 86_400_000;
const after = (ms: number) => new Date(now.getTime() + ms);
const wait = (attempts: number, left: number, cost: Cost = 'request') =>
  nextTry(now, { notAfter: after(left), cost }, attempts, () => 0).getTime() - now.getTime();

describe('the next try', () => {
  it('is made at once, then after waits that double, bounded by what a try costs', () => {
    expect([0, 1, 2, 3, 4].map((attempts) => wait(attempts, 365 * day))).toEqual([0, 15_000, 30_000, 60_000, 120_000]);
    expect(wait(50, 3650 * day)).toBe(day);
    expect(wait(50, 3650 * day, 'question')).toBe(300_000);
  });

  it('where nothing else tells whether the cause is gone, is made every minute for a quarter of an hour, and then ever more rarely too', () => {
    const waits = Array.from({ length: 30 }, (_none, index) => wait(index + 1, 3650 * day, 'blind request'));
    expect(waits.slice(0, 5)).toEqual([15_000, 30_000, 60_000, 60_000, 60_000]);
    expect([waits[14], waits[15], waits[16], waits[29]]).toEqual([60_000, 120_000, 240_000, day]);
  });

  it('is never later than it would hurt: a hundredth of the life that is left, and half a minute where it is over', () => {
    expect(wait(50, 28 * day)).toBe(24_192_000);
    expect(wait(50, day)).toBe(day / 100);
    expect([wait(50, 0), wait(50, -day), nextTry(now, { cost: 'request' }, 50, () => 0).getTime() - now.getTime()]).toEqual([
      30_000, 30_000, 30_000,
    ]);
  });

  it('whatever it is asked, lies ahead, within a fifth of its step, and leaves most of the life that is left', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 0, max: 3650 * day }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempts, left, random) => {
          const ms = nextTry(now, { notAfter: after(left), cost: 'request' }, attempts, () => random).getTime() - now.getTime();
          expect(ms).toBeGreaterThanOrEqual(12_000);
          expect(ms).toBeLessThanOrEqual(Math.max(30_000, left / 100));
        },
      ),
    );
  });
});

describe('a PIN file that proved bad', () => {
  let directory: PrivateDirectory;
  let file: string;
  beforeEach(() => {
    directory = privateDirectory();
    file = path.join(directory.path, 'pin');
    writeFileSync(file, 'bad\n', { mode: 0o600 });
    chownSync(file, 65_534, 65_534);
  });
  afterEach(() => {
    directory.remove();
  });
  const judged = () => pinFileNow(file) ?? '';

  it('is moved with its owner and mode, over one that was moved before', () => {
    writeFileSync(`${file}.refused`, 'older\n');
    expect(movePinAside(file, judged())).toEqual({ result: 'moved', to: `${file}.refused` });
    expect(existsSync(file)).toBe(false);
    expect(readFileSync(`${file}.refused`, 'utf8')).toBe('bad\n');
    const { uid, gid, mode } = statSync(`${file}.refused`);
    expect([uid, gid, mode & 0o777]).toEqual([65_534, 65_534, 0o600]);
  });

  it('stays where it is another one than was judged', () => {
    const before = judged();
    writeFileSync(file, 'right\n');
    expect(movePinAside(file, before)).toEqual({ result: 'changed' });
    expect(readFileSync(file, 'utf8')).toBe('right\n');
  });

  it('that two instances share is moved once', () => {
    const before = judged();
    expect([movePinAside(file, before).result, movePinAside(file, before).result]).toEqual(['moved', 'gone']);
  });

  it('is not moved where others can write, nor when it is a link', () => {
    chmodSync(directory.path, 0o777);
    expect(movePinAside(file, judged())).toMatchObject({
      result: 'unsafe',
      problem: expect.stringContaining('can be written by others') as string,
    });
    chmodSync(directory.path, 0o755);
    chownSync(directory.path, 65_534, 65_534);
    expect(movePinAside(file, judged()).result).toBe('unsafe');
    chownSync(directory.path, 0, 0);
    const link = path.join(directory.path, 'link');
    symlinkSync(file, link);
    expect(pinFileNow(link)).toBeUndefined();
    expect(movePinAside(link, judged()).result).toBe('unsafe');
    expect([existsSync(file), lstatSync(link).isSymbolicLink()]).toEqual([true, true]);
  });

  it('that lies in memory alone is wiped, the very one that was judged', async () => {
    const instance = parseInstance(
      'x',
      '/x.toml',
      parse(
        `[token]\nlabel="t"\nmodule="/m.so"\npin-unlock="${file}"\n[nss]\ndatabase="/n"\n[issuer]\ntype="external"\ncertificate="ca"\n[[certificate]]\nnickname="ocsp"\nprofile="caOCSPCert"\n`,
      ),
    );
    const pin = pinFileOf({ instance, directories: { config: '/c', state: '/s' } });
    expect(await pin?.moveAside('file:another')).toEqual({ result: 'changed' });
    expect(await pin?.moveAside(judged())).toEqual({ result: 'wiped' });
    expect([existsSync(file), existsSync(`${file}.refused`), pin?.movedTo()]).toEqual([false, false, undefined]);
  });

  it('whose place is taken is told', () => {
    mkdirSync(`${file}.refused`);
    expect(movePinAside(file, judged())).toMatchObject({ result: 'failed' });
    expect(existsSync(file)).toBe(true);
  });
});

test('cures of one certmonger follow each other, those of two do not, and one that fails holds nobody up', async () => {
  const [one, other] = [{}, {}];
  const order: string[] = [];
  let release = () => {
    /* replaced */
  };
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const first = oneAtATime(one, async () => {
    order.push('first');
    await held;
    throw new Error('x');
  });
  const second = oneAtATime(one, () => {
    order.push('second');
    return Promise.resolve();
  });
  await oneAtATime(other, () => {
    order.push('other');
    return Promise.resolve();
  });
  release();
  await expect(first).rejects.toThrow('x');
  await second;
  expect(order).toEqual(['first', 'other', 'second']);
});

const trouble = (cause: string, severity: Diagnosis['severity'] = 'error'): Diagnosis => ({
  cause,
  severity,
  sentence: `It is ${cause}.`,
  cure: { by: 'waiting', advice: 'Wait.', alone: true },
});

test('a cause is told once while it lasts, what passes at once not at all, and the end with what cured', async () => {
  let ms = 0;
  const events = createEvents();
  const incidentEvents = createIncidentEvents({ instance: 'x', events, clock: () => now, now: () => ms });
  const said = () =>
    events
      .recent()
      .map(({ kind, nickname, details }) => `${kind} ${nickname ?? '-'} ${details?.['cause'] ?? ''} ${details?.['cure'] ?? ''}`);
  incidentEvents.ofCertificate('a', trouble('token-away'), false);
  incidentEvents.ofCertificate('a', trouble('token-away'), false);
  incidentEvents.treated('a', 'resubmit');
  incidentEvents.ofCertificate('a', undefined, false);
  incidentEvents.ofCertificate('a', trouble('token-away'), false);
  incidentEvents.ofCertificate('a', undefined, true);
  incidentEvents.ofCertificate('a', undefined, true);
  incidentEvents.ofCertificate('b', trouble('ca-unreachable', 'warning'), false);
  incidentEvents.ofCertificate('b', undefined, true);
  incidentEvents.ofCertificate('b', trouble('ca-unreachable', 'warning'), false);
  ms = 61_000;
  incidentEvents.ofCertificate('b', trouble('ca-unreachable', 'warning'), false);
  incidentEvents.ofInstance([trouble('disk'), trouble('token-away', 'critical')]);
  incidentEvents.ofInstance([trouble('disk')]);
  await Promise.resolve();
  expect(said()).toEqual([
    'failed a token-away waiting',
    'healed a token-away resubmit',
    'trouble b ca-unreachable waiting',
    'trouble - disk waiting',
    'trouble - token-away waiting',
    'healed - token-away waiting',
  ]);
});
