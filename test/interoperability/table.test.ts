import { afterAll, beforeAll, expect, it } from 'vitest';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { algorithms } from './algorithms.js';
import { makeAuthority } from './authority.js';
import { documented } from './documented.js';
import { judges, verdicts } from './judges.js';

let directory: PrivateDirectory;

beforeAll(() => { directory = privateDirectory('judges-'); });
afterAll(() => { directory.remove(); });

it('has the columns of the judges', () => {
  expect(documented().get('signed with')).toEqual(judges.map(({ name }) => name));
});

it.each(algorithms)('says what each judge makes of $name', (algorithm) => {
  expect(verdicts(makeAuthority(directory.path, algorithm))).toEqual(documented().get(algorithm.name));
});
