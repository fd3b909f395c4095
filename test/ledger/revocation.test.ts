import path from 'node:path';
import Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { highestCrlNumber, insertCrl, latestCrl, nextCrlNumber } from '../../src/ledger/crls.js';
import type { Database } from '../../src/ledger/database.js';
import { findIssued, insertIssued, issuedBySerial, listIssued } from '../../src/ledger/issued.js';
import { openLedger } from '../../src/ledger/ledger.js';
import { endHold, findRevocation, listRevoked, revoke } from '../../src/ledger/revocation.js';
import { newestTime } from '../../src/ledger/soundness.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

let directory: PrivateDirectory;
let file: string;
let ledger: Database;

beforeEach(() => {
  directory = privateDirectory('revocation');
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
  profile: 'caServerCert',
  subject: 'CN=a',
  subjectKey: 'k1',
  notBefore: new Date('2026-01-01T00:00:00Z'),
  notAfter: new Date('2055-01-01T00:00:00Z'),
  certificate: Uint8Array.of(1, 2, 3),
  issuedAt: new Date('2026-01-01T00:00:00Z'),
  uid: 17,
  ...overrides,
});
const id = { issuerKey: 'aa', serial: '4001' };
const at = new Date('2026-02-01T00:00:00.500Z');
const invalidity = new Date('2026-01-15T00:00:00Z');

describe('a revocation', () => {
  it('is what the issued row says, with the day the key was lost', () => {
    insertIssued(ledger, row());
    insertIssued(ledger, row({ issuerKey: 'bb', request: 'r2' }));
    revoke(ledger, id, { at, reason: 'keyCompromise', invalidity }, 17);
    expect(findRevocation(ledger, id)).toEqual({
      ...id,
      at,
      reason: 'keyCompromise',
      invalidity,
      notAfter: row().notAfter,
      certificate: row().certificate,
    });
    expect(listRevoked(ledger)).toHaveLength(1);
    expect(findRevocation(ledger, { ...id, issuerKey: 'bb' })).toBeUndefined();
    expect(findIssued(ledger, 'r1')).toMatchObject({ revokedAt: at, revocationReason: 'keyCompromise' });
    expect(issuedBySerial(ledger, '4001')).toHaveLength(2);
    expect(newestTime(ledger)).toEqual(at);
  });

  it('that is a hold can end, and every change stays written', () => {
    insertIssued(ledger, row());
    revoke(ledger, id, { at, reason: 'certificateHold', invalidity }, 17);
    endHold(ledger, id, new Date('2026-02-02T00:00:00Z'), 18);
    expect(listRevoked(ledger)).toEqual([]);
    expect(findIssued(ledger, 'r1')).not.toHaveProperty('revokedAt');
    revoke(ledger, id, { at, reason: 'superseded' }, 17);
    expect(findRevocation(ledger, id)).not.toHaveProperty('invalidity');
    expect(ledger.prepare('SELECT reason, uid FROM revocations ORDER BY id').all()).toEqual([
      { reason: 'certificateHold', uid: 17 },
      { reason: 'removeFromCRL', uid: 18 },
      { reason: 'superseded', uid: 17 },
    ]);
  });
});

describe('CRLs', () => {
  const crl = (number: bigint, overrides: object = {}) => ({
    number,
    issuerKey: 'aa',
    thisUpdate: at,
    nextUpdate: new Date('2026-03-01T00:00:00Z'),
    crl: Uint8Array.of(Number(number & 0xffn)),
    signedAt: at,
    uid: 17,
    ...overrides,
  });

  it('come back by issuer, the latest with its content', () => {
    expect(highestCrlNumber(ledger)).toBeUndefined();
    for (const number of [1n, 255n, 256n]) insertCrl(ledger, crl(number));
    insertCrl(ledger, crl(2n ** 70n, { issuerKey: 'bb' }));
    expect(latestCrl(ledger, 'aa')).toEqual(crl(256n));
    expect(latestCrl(ledger, 'bb')).toEqual(crl(2n ** 70n, { issuerKey: 'bb' }));
    expect(latestCrl(ledger, 'cc')).toBeUndefined();
    expect(highestCrlNumber(ledger)).toBe(2n ** 70n);
    expect(ledger.prepare("SELECT count(*) AS rows, count(crl) AS kept FROM crls WHERE issuer_key = 'aa'").get()).toEqual({
      rows: 3,
      kept: 1,
    });
  });

  it('never share a number', () => {
    insertCrl(ledger, crl(7n));
    expect(() => {
      insertCrl(ledger, crl(7n, { issuerKey: 'bb' }));
    }).toThrow(/UNIQUE/u);
  });

  it('are numbered above everything that is known', () => {
    expect(nextCrlNumber()).toBe(1n);
    expect(nextCrlNumber(undefined, 4n, 9n, undefined)).toBe(10n);
    expect(() => nextCrlNumber(2n ** 159n - 1n)).toThrow(expect.objectContaining({ code: 'CRL_NUMBER' }) as Error);
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 0n, max: 2n ** 158n })), (known) => known.every((number) => nextCrlNumber(...known) > number)),
    );
  });
});

describe('a ledger of version 2', () => {
  it('gets the new tables and loses nothing', () => {
    ledger.close();
    const old = new Sqlite(file);
    // As version 2 left them: what came with version 3 is not there.
    old.exec('DROP TABLE revocations; DROP TABLE crls; DROP INDEX issued_serial; DROP INDEX issued_revoked');
    insertIssued(old, row());
    insertIssued(old, row({ serial: '4002', request: 'r2' }));
    old.exec("UPDATE issued SET revoked_at = '2026-02-01T00:00:00.500Z', revocation_reason = 'superseded' WHERE serial = '4001'");
    old.pragma('user_version = 2');
    old.close();
    ledger = openLedger(file);
    expect(ledger.pragma('user_version', { simple: true })).toBe(3);
    expect(listIssued(ledger)).toEqual([
      { id: 1, ...row(), revokedAt: at, revocationReason: 'superseded' },
      { id: 2, ...row({ serial: '4002', request: 'r2' }) },
    ]);
    expect(listRevoked(ledger)).toMatchObject([{ serial: '4001', at, reason: 'superseded' }]);
    revoke(ledger, { issuerKey: 'aa', serial: '4002' }, { at, reason: 'keyCompromise' }, 1);
    expect(highestCrlNumber(ledger)).toBeUndefined();
    expect(listRevoked(ledger)).toHaveLength(2);
  });
});
