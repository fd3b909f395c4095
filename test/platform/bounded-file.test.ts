import { execFileSync } from 'node:child_process';
import { constants, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readBoundedFile } from '../../src/platform/bounded-file.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

let place: PrivateDirectory;
const at = (name: string) => path.join(place.path, name);
beforeAll(() => {
  place = privateDirectory('bounded-file');
  writeFileSync(at('file'), '12345678');
  execFileSync('mkfifo', [at('fifo')]);
  symlinkSync(at('file'), at('link'));
});
afterAll(() => {
  place.remove();
});

test('a plain file is read, as long as it is small enough', () => {
  expect(readBoundedFile(at('file'), 8).toString()).toBe('12345678');
  expect(readBoundedFile(at('link'), 8).toString()).toBe('12345678');
});

test.each([
  ['a longer one', 'file', 7, 0, /^it is no plain file of at most 7 octets$/u],
  ['a FIFO, which would keep us waiting,', 'fifo', 8, 0, /no plain file/u],
  ['a directory', '.', 8, 0, /no plain file/u],
  ['a link, where none is to be followed,', 'link', 8, constants.O_NOFOLLOW, /ELOOP/u],
  ['one that is not there', 'none', 8, 0, /ENOENT/u],
])('%s is refused', (_what, name, most, flags, message) => {
  expect(() => readBoundedFile(at(name), most, flags)).toThrow(message);
});
