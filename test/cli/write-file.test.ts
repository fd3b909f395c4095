import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeAllNew } from '../../src/cli/write-file.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

let place: PrivateDirectory;
const at = (name: string) => path.join(place.path, name);
beforeEach(() => {
  place = privateDirectory('write-file');
});
afterEach(() => {
  place.remove();
});

test('what is there stays, whatever it is, and is read no further than it may hold the same', () => {
  execFileSync('mkfifo', [at('fifo')]);
  writeFileSync(at('huge'), 'content');
  // More than memory takes.
  truncateSync(at('huge'), 2 ** 40);
  writeFileSync(at('same'), 'content');
  writeFileSync(at('shorter'), 'conten');
  const names = ['fifo', 'huge', 'new', 'same', 'shorter'];
  const faults = writeAllNew(names.map((name) => ({ file: at(name), content: 'content' })));
  expect(faults.map((fault) => fault?.code)).toEqual(['USAGE', 'USAGE', undefined, undefined, 'USAGE']);
  expect(readFileSync(at('new'), 'utf8')).toBe('content');
  expect(readdirSync(place.path).sort()).toEqual(names);
});
