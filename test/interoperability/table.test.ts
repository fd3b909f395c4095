import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { algorithms } from './algorithms.js';
import { makeAuthority } from './authority.js';
import { judges, type Subject } from './judges.js';

const subjects: readonly Subject[] = ['certificate', 'CRL', 'OCSP answer'];
let directory: PrivateDirectory;

beforeAll(() => { directory = privateDirectory('judges-'); });
afterAll(() => { directory.remove(); });

/** The cells of docs/interoperability.md's first table, by the first cell of their row. */
function documented(): Map<string, string[]> {
  const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/interoperability.md'), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('|')).map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
  return new Map(rows.map(([name = '', ...cells]) => [name, cells]));
}

it('has the columns of the judges', () => {
  expect(documented().get('signed with')).toEqual(judges.map(({ name }) => name));
});

/** A cell: every subject the judge can look at, or what it refuses. */
it.each(algorithms)('says what each judge makes of $name', (algorithm) => {
  const made = makeAuthority(directory.path, algorithm);
  const found = judges.map((judge) => {
    const verdicts = subjects.map((subject) => ({ subject, accepted: judge.accepts(made, subject) })).filter(({ accepted }) => accepted !== undefined);
    const refused = verdicts.filter(({ accepted }) => accepted === false).map(({ subject }) => subject);
    if (refused.length === 0) return `yes`;
    return refused.length === verdicts.length ? 'no' : `no ${refused.join(', no ')}`;
  });
  expect(found).toEqual(documented().get(algorithm.name));
});
