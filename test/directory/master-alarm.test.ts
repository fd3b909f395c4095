import { describe, expect, it } from 'vitest';
import { masterAlarm, sameHost, type MasterFacts } from '../../src/directory/master-alarm.js';

const now = new Date('2026-06-15T12:00:00Z');
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000);
const facts = (change: Partial<MasterFacts>): MasterFacts => ({
  instance: 'hsmonger',
  host: 'ca2.example.test',
  masters: ['ca1.example.test'],
  goneDays: 7,
  ...change,
});

describe('nothing is wrong', () => {
  it.each([
    ['nobody has looked yet', facts({})],
    ['the master was seen today', facts({ sighting: { since: daysAgo(90), seen: daysAgo(0) } })],
    ['its last sign is exactly as old as it may be', facts({ sighting: { since: daysAgo(90), seen: daysAgo(7) } })],
    ['it was never seen, but is not looked for long enough', facts({ sighting: { since: daysAgo(6) } })],
    [
      'this server is the master, by another spelling of its name',
      facts({ masters: ['CA2.Example.Test.'], sighting: { since: daysAgo(90) } }),
    ],
    ['the clock went back behind the last sign', facts({ sighting: { since: daysAgo(90), seen: daysAgo(-30) } })],
  ])('when %s', (_case, given) => {
    expect(masterAlarm(now, given)).toBeUndefined();
  });
});

describe('one sentence says what is wrong and what mends it', () => {
  it.each([
    [
      'no server is the master',
      facts({ masters: [] }),
      /^No server is the renewal master, .* 'hsmonger master set ca2\.example\.test'\.$/u,
    ],
    [
      'two are',
      facts({ masters: ['ca1.example.test', 'ca3.example.test'] }),
      /^'ca1\.example\.test' and 'ca3\.example\.test' are both renewal master, .* 'hsmonger master set ca1\.example\.test'\.$/u,
    ],
    [
      'two are, this one among them: it is at hand',
      facts({ masters: ['ca1.example.test', 'ca2.example.test'] }),
      /'hsmonger master set ca2\.example\.test'\.$/u,
    ],
    ['three are', facts({ masters: ['a', 'b', 'c'] }), /are all renewal master/u],
    [
      'it has been silent for longer',
      facts({ sighting: { since: daysAgo(90), seen: daysAgo(7.01) } }),
      /^The renewal master 'ca1\.example\.test' was last seen 7 days ago \(2026-06-08\), .* 'hsmonger master set ca2\.example\.test'\.$/u,
    ],
    ['it was never seen', facts({ sighting: { since: daysAgo(9) } }), /was never seen in the 9 days it was looked for/u],
    ['the site wants to know sooner', facts({ goneDays: 1, sighting: { since: daysAgo(90), seen: daysAgo(2) } }), /last seen 2 days ago/u],
    [
      'the instance has a name of its own',
      facts({ instance: 'kra', masters: [] }),
      /'hsmonger master set ca2\.example\.test --instance kra'\.$/u,
    ],
  ])('%s', (_case, given, sentence) => {
    expect(masterAlarm(now, given)).toMatch(sentence);
  });
});

it('host names are one whatever their case and with or without the last dot, and no more than that', () => {
  expect(sameHost('CA1.example.test', 'ca1.EXAMPLE.test.')).toBe(true);
  expect(sameHost('ca1.example.test', 'ca1')).toBe(false);
});
