import { afterEach, beforeEach, expect, test } from 'vitest';
import path from 'node:path';
import type { Database } from '../../src/ledger/database.js';
import {
  announce,
  journalEntry,
  noteFollowUp,
  noteLocated,
  noteRetained,
  noteStep,
  removedAtLast,
  retaining,
  unfinished,
} from '../../src/ledger/journal.js';
import { openLedger } from '../../src/ledger/ledger.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

const at = (minutes: number) => new Date(Date.UTC(2026, 0, 1, 0, minutes));
let place: PrivateDirectory;
let ledger: Database;
beforeEach(() => {
  place = privateDirectory('journal');
  ledger = openLedger(path.join(place.path, 'ledger.sqlite'));
});
afterEach(() => {
  ledger.close();
  place.remove();
});

const located = { certificate: 'aa', before: ['old'], left: ['configured', 'users updated'] as const };

test("a journal of an earlier version is read: it knew 'before' alone", () => {
  ledger
    .prepare("INSERT INTO journal VALUES ('ocsp', 'archived', 'aa', '{\"before\":[\"old\"]}', ?, ?)")
    .run(at(0).toISOString(), at(1).toISOString());
  expect(unfinished(ledger)).toEqual([
    {
      nickname: 'ocsp',
      step: 'archived',
      certificate: 'aa',
      detail: { before: ['old'], left: [], retained: [] },
      startedAt: at(0),
      updatedAt: at(1),
    },
  ]);
});

test('follow-ups are finished one by one, and what fails keeps its reason', () => {
  announce(ledger, 'ca', ['old'], at(0));
  noteLocated(ledger, 'ca', located, at(1));
  expect(journalEntry(ledger, 'ca')).toMatchObject({
    step: 'located',
    certificate: 'aa',
    detail: { left: [{ step: 'configured' }, { step: 'users updated' }] },
  });
  noteFollowUp(ledger, 'ca', 'configured', 'finished', at(2));
  noteFollowUp(ledger, 'ca', 'users updated', { reason: 'No directory.' }, at(3));
  noteFollowUp(ledger, 'ca', 'published', { reason: 'It was not asked for.' }, at(3));
  noteStep(ledger, 'ca', 'in service', at(4));
  expect(unfinished(ledger)).toMatchObject([
    { step: 'in service', detail: { left: [{ step: 'users updated', reason: 'No directory.' }] } },
  ]);
  noteStep(ledger, 'ca', 'done', at(5));
  expect(unfinished(ledger)).toEqual([]);
});

test('a saving that begins keeps what the one before left, and what stays on the token', () => {
  announce(ledger, 'ca', ['old'], at(0));
  noteLocated(ledger, 'ca', located, at(1));
  noteRetained(ledger, 'ca', [{ certificate: 'old', since: at(1) }], at(1));
  noteStep(ledger, 'ca', 'in service', at(2));
  announce(ledger, 'ca', ['new'], at(3));
  expect(journalEntry(ledger, 'ca')?.detail).toEqual({
    before: ['new'],
    left: [{ step: 'configured' }, { step: 'users updated' }],
    retained: [{ certificate: 'old', since: at(1) }],
  });
  expect(retaining(ledger).map(({ nickname }) => nickname)).toEqual(['ca']);
});

test('what a saving removed is told once it is settled, without what stays on the token', () => {
  announce(ledger, 'ca', [], at(0));
  noteLocated(ledger, 'ca', { ...located, before: ['older', 'old'] }, at(1));
  expect(removedAtLast(ledger)).toEqual([]);
  noteRetained(ledger, 'ca', [{ certificate: 'old', since: at(1) }], at(1));
  noteStep(ledger, 'ca', 'in service', at(2));
  expect(removedAtLast(ledger)).toEqual([{ nickname: 'ca', certificates: ['older'] }]);
});

test('one that was interrupted goes on with what it knew from before', () => {
  announce(ledger, 'ca', ['old'], at(0));
  noteLocated(ledger, 'ca', located, at(1));
  announce(ledger, 'ca', ['what went wrong'], at(2));
  expect(journalEntry(ledger, 'ca')?.detail.before).toEqual(['old']);
});
