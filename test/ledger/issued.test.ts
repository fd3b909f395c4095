import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/ledger/database.js';
import { atOnce, exclusively } from '../../src/ledger/exclusively.js';
import { findIssued, insertIssued, issuedForKey, listIssued } from '../../src/ledger/issued.js';
import { openLedger } from '../../src/ledger/ledger.js';
import { listOutcomes, recordOutcome } from '../../src/ledger/outcomes.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

let directory: PrivateDirectory;
let file: string;
let ledger: Database;

beforeEach(() => {
  directory = privateDirectory('ledger');
  file = path.join(directory.path, 'ledger.sqlite');
  ledger = openLedger(file);
});
afterEach(() => {
  ledger.close();
  directory.remove();
});

const row = (overrides: object = {}) => ({
  issuerKey: 'aa',
  serial: '4001',
  request: 'r1',
  profile: 'caOCSPCert',
  subject: "CN=O'Neil; DROP TABLE issued",
  subjectKey: 'k1',
  notBefore: new Date('2026-01-01T00:00:00Z'),
  notAfter: new Date('2055-01-01T00:00:00Z'),
  certificate: Uint8Array.of(0, 255, 7),
  issuedAt: new Date('2026-01-01T00:00:00.123Z'),
  uid: 17,
  ...overrides,
});

describe('issued certificates', () => {
  it('written at once are read by nobody before they are committed, in this process either', async () => {
    const early: boolean[] = [];
    const state = { over: false };
    const reading = (async () => {
      while (!state.over) {
        if (ledger.inTransaction) early.push(findIssued(ledger, 'r1') !== undefined);
        await Promise.resolve();
      }
    })();
    const writing = atOnce(ledger, 1000, () => {
      insertIssued(ledger, row());
    }).finally(() => {
      state.over = true;
    });
    await Promise.all([reading, writing]);
    expect(early).not.toContain(true);
    expect(findIssued(ledger, 'r1')).toBeDefined();
    await expect(
      atOnce(ledger, 1000, () => {
        insertIssued(ledger, row({ serial: '4009', request: 'r9' }));
        throw new Error('No.');
      }),
    ).rejects.toThrow('No.');
    expect(findIssued(ledger, 'r9')).toBeUndefined();
  });

  it('come back as they were written, the latest of a request first found', () => {
    insertIssued(ledger, row());
    insertIssued(ledger, row({ serial: '4002' }));
    insertIssued(ledger, row({ serial: '4003', request: 'r2', subjectKey: 'k2' }));
    expect(findIssued(ledger, 'r1')).toEqual({ id: 2, ...row({ serial: '4002' }) });
    expect(findIssued(ledger, 'r3')).toBeUndefined();
    expect(listIssued(ledger).map(({ serial }) => serial)).toEqual(['4001', '4002', '4003']);
    expect(issuedForKey(ledger, 'k1').map(({ serial }) => serial)).toEqual(['4001', '4002']);
  });

  it('never share a serial number with one issuer', () => {
    insertIssued(ledger, row());
    expect(() => {
      insertIssued(ledger, row({ request: 'r2' }));
    }).toThrow(/UNIQUE/u);
    expect(() => {
      insertIssued(ledger, row({ issuerKey: 'bb' }));
    }).not.toThrow();
  });

  it('say when they were revoked', () => {
    insertIssued(ledger, row());
    ledger.exec("UPDATE issued SET revoked_at = '2026-02-01T00:00:00.000Z', revocation_reason = 'superseded'");
    expect(findIssued(ledger, 'r1')).toMatchObject({ revokedAt: new Date('2026-02-01T00:00:00Z'), revocationReason: 'superseded' });
  });
});

describe('outcomes', () => {
  it('hold the last of each key and profile, latest first', () => {
    const outcome = {
      subjectKey: 'k1',
      profile: 'caOCSPCert',
      at: new Date('2026-01-01T00:00:00Z'),
      code: 'ISSUER_DUE',
      message: 'Wait.',
      uid: 17,
    } as const;
    recordOutcome(ledger, outcome);
    recordOutcome(ledger, { ...outcome, profile: 'caServerCert' });
    recordOutcome(ledger, { ...outcome, at: new Date('2026-01-02T00:00:00Z'), code: 'ISSUED', message: '' });
    expect(listOutcomes(ledger)).toEqual([
      { ...outcome, at: new Date('2026-01-02T00:00:00Z'), code: 'ISSUED', message: '' },
      { ...outcome, profile: 'caServerCert' },
    ]);
  });
});

describe('one writer at a time', () => {
  it('waits for a slow one and sees what it wrote', async () => {
    const other = openLedger(file);
    const order: string[] = [];
    const slow = exclusively(ledger, 5000, async () => {
      order.push('slow begins');
      await sleep(300);
      insertIssued(ledger, row());
      order.push('slow ends');
    });
    const quick = exclusively(other, 5000, () => {
      order.push('quick');
      return Promise.resolve(listIssued(other).length);
    });
    await slow;
    expect(await quick).toBe(1);
    expect(order).toEqual(['slow begins', 'slow ends', 'quick']);
    other.close();
  });

  it('gives up with STATE_BUSY when the wait is over, the event loop running all the time', async () => {
    const other = openLedger(file);
    other.exec('BEGIN IMMEDIATE');
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
    }, 10);
    await expect(exclusively(ledger, 400, () => Promise.resolve())).rejects.toMatchObject({ code: 'STATE_BUSY' });
    clearInterval(timer);
    // A wait that blocks lets none through; a machine that stands still for a while lets some.
    expect(ticks).toBeGreaterThan(1);
    other.close();
  });

  it('writes nothing when the work fails, and the next can write', async () => {
    const failing = exclusively(ledger, 1000, () => {
      insertIssued(ledger, row());
      return Promise.reject(new Error('no'));
    });
    await expect(failing).rejects.toThrow('no');
    expect(listIssued(ledger)).toEqual([]);
    await exclusively(ledger, 1000, () => {
      insertIssued(ledger, row());
      return Promise.resolve();
    });
    expect(listIssued(ledger)).toHaveLength(1);
  });

  it('killed in the middle leaves nothing behind and locks nobody out', async () => {
    const program = `
      const { openLedger } = await import('${path.resolve('src/ledger/ledger.ts')}');
      const ledger = openLedger(${JSON.stringify(file)});
      ledger.exec('BEGIN IMMEDIATE');
      ledger.exec("INSERT INTO outcomes VALUES ('k', 'p', 'a', 'c', 'm', 0)");
      console.log('holding');
      setInterval(() => {}, 1000);
    `;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    await expect(exclusively(ledger, 100, () => Promise.resolve())).rejects.toMatchObject({ code: 'STATE_BUSY' });
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    await exclusively(ledger, 1000, () => {
      insertIssued(ledger, row());
      return Promise.resolve();
    });
    expect(listOutcomes(ledger)).toEqual([]);
    expect(listIssued(ledger)).toHaveLength(1);
  });
});
