import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.js';
import { recordOutcome } from '../../src/ledger/outcomes.js';
import { announce } from '../../src/ledger/journal.js';
import { faultOf, newestTime } from '../../src/ledger/soundness.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

let directory: PrivateDirectory;
let file: string;

beforeEach(() => {
  directory = privateDirectory();
  file = path.join(directory.path, 'ledger.sqlite');
});
afterEach(() => {
  directory.remove();
});

test('a ledger as it should be has no fault, and neither has one that is not there', () => {
  expect(faultOf(file)).toBeUndefined();
  openLedger(file).close();
  expect(faultOf(file)).toBeUndefined();
});

test('an index that has lost a row, and a file that is none, are faults', () => {
  const ledger = openLedger(file);
  recordOutcome(ledger, { subjectKey: '00', profile: 'caServerCert', at: new Date(), code: 'ISSUED', message: '', uid: 0 });
  const pages = Number(ledger.pragma('page_count', { simple: true }));
  ledger.close();
  const descriptor = openSync(file, 'r+');
  for (let page = 1; page < pages; page++) writeSync(descriptor, Buffer.alloc(8, 0xff), 0, 8, page * 4096);
  closeSync(descriptor);
  expect(faultOf(file)).toMatch(/^SQLite (?:finds|cannot read it): /u);
  writeFileSync(file, 'this is no database, and long enough to be looked at as one'.repeat(100));
  expect(faultOf(file)).toMatch(/^SQLite cannot read it: file is not a database\.$/u);
});

test('the newest time is the latest of whatever was written', () => {
  const ledger = openLedger(file);
  expect(newestTime(ledger)).toBeUndefined();
  announce(ledger, 'a', [], new Date('2026-05-01T00:00:00Z'));
  recordOutcome(ledger, {
    subjectKey: '00',
    profile: 'caServerCert',
    at: new Date('2026-06-01T00:00:00Z'),
    code: 'ISSUED',
    message: '',
    uid: 0,
  });
  expect(newestTime(ledger)).toEqual(new Date('2026-06-01T00:00:00Z'));
  ledger.close();
});
