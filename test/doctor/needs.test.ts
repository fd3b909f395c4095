import { beforeAll, expect, test } from 'vitest';
import type { Check } from '../../src/doctor/check.js';
import { checks } from '../../src/doctor/checks.js';
import type { DoctorFacts } from '../../src/doctor/facts.js';
import { partsFor, type Part } from '../../src/doctor/needs.js';
import { runChecks, withUnseen } from '../../src/doctor/run.js';
import { makePair } from '../tracking/facts.js';
import { goodFacts, unknownFacts } from './facts.js';

let good: DoctorFacts;
beforeAll(async () => {
  good = goodFacts(await makePair('ca'), await makePair('ocsp'));
});

/** The parts a check touches, of facts all of which or none of which are known. */
function touched(check: Check): Set<string> {
  const parts = new Set<string>();
  for (const facts of [good, unknownFacts()]) {
    const watched = new Proxy(facts, {
      get: (target, name) => {
        parts.add(String(name));
        return target[name as keyof DoctorFacts];
      },
    });
    check.run(watched);
  }
  parts.delete('instance');
  parts.delete('now');
  return parts;
}

test('every check finds gathered what it looks at, and each source is known', () => {
  for (const check of checks) {
    const gathered = partsFor([check]);
    expect(
      [...touched(check)].filter((part) => !gathered.has(part as Part)),
      check.name,
    ).toEqual([]);
    expect(partsFor([{ name: 'New', source: check.source }]).size, check.source).toBeLessThan(9);
  }
});

test('of files or disks alone the token is left alone; all checks look at everything', () => {
  const names = (...wanted: string[]) => [...partsFor(checks.filter(({ name }) => wanted.includes(name)))].sort();
  expect(names('DiskSpace', 'StateFiles')).toEqual(['files', 'host']);
  expect(names('ChainValid')).toEqual(['chain', 'internal', 'token']);
  expect(partsFor(checks).size).toBe(9);
});

test('a check that could not look is no all-clear, unless another says what is wrong', () => {
  const chosen = checks.filter(({ name }) => name === 'TokenLabel');
  const facts = unknownFacts();
  const results = withUnseen(
    chosen,
    facts,
    runChecks(chosen, facts, () => 0),
  );
  expect(results).toMatchObject([
    { check: 'TokenLabel', severity: 'error', key: 'unseen', message: 'What TokenLabel looks at could not be looked at.' },
  ]);
  const told = runChecks(checks, facts, () => 0);
  expect(withUnseen(checks, facts, told)).toEqual(told);
});
