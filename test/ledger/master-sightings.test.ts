import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase, type Database } from '../../src/ledger/database.js';
import { openLedger } from '../../src/ledger/ledger.js';
import { findSighting, noteLook } from '../../src/ledger/master-sightings.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

const at = (hour: number) => new Date(Date.UTC(2026, 5, 15, hour));
let directory: PrivateDirectory;
let ledger: Database;

beforeEach(() => {
  directory = privateDirectory();
  ledger = openLedger(path.join(directory.path, 'ledger.sqlite'));
});

afterEach(() => {
  ledger.close();
  directory.remove();
});

test('a server that never answers is known by when it was first looked for', () => {
  expect(findSighting(ledger, 'ca1.example.test')).toBeUndefined();
  noteLook(ledger, { host: 'ca1.example.test', reachable: false, published: 'a' }, at(1));
  expect(noteLook(ledger, { host: 'ca1.example.test', reachable: false, published: 'a' }, at(2))).toEqual({ since: at(1) });
});

test('its last answer stays known while it is silent, under any spelling of its name', () => {
  noteLook(ledger, { host: 'CA1.example.test', reachable: true, published: 'a' }, at(1));
  noteLook(ledger, { host: 'ca1.example.test', reachable: false, published: 'a' }, at(2));
  expect(findSighting(ledger, 'ca1.Example.test')).toEqual({ since: at(1), seen: at(1) });
});

test('what it published is a sign of it, though it cannot be reached from here', () => {
  noteLook(ledger, { host: 'ca1', reachable: false, published: 'a' }, at(1));
  expect(noteLook(ledger, { host: 'ca1', reachable: false, published: 'b' }, at(2))).toEqual({ since: at(1), seen: at(2) });
  expect(noteLook(ledger, { host: 'ca1', reachable: false, published: 'b' }, at(3))).toEqual({ since: at(1), seen: at(2) });
});

test('a ledger of the version before gets the table and keeps what it has', () => {
  const file = path.join(directory.path, 'old.sqlite');
  const old = openDatabase(file, {
    schema:
      'CREATE TABLE outcomes (subject_key TEXT, profile TEXT, at TEXT, code TEXT, message TEXT, uid INTEGER, PRIMARY KEY (subject_key, profile)) STRICT; CREATE TABLE kept (x INTEGER) STRICT; INSERT INTO kept VALUES (7)',
    version: 1,
  });
  old.close();
  const opened = openLedger(file);
  try {
    noteLook(opened, { host: 'ca1', reachable: true, published: 'a' }, at(1));
    expect(opened.prepare('SELECT x FROM kept').get()).toEqual({ x: 7 });
  } finally {
    opened.close();
  }
});
