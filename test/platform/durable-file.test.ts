import { chownSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { asideOf } from '../../src/platform/aside.js';
import { writeDurably } from '../../src/platform/durable-file.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { ensureServiceUser } from '../rig/service-user.js';

/** Above the kernel's greatest process number. */
const neverRunning = 4194305;
let place: PrivateDirectory;
let file: string;
beforeEach(() => {
  place = privateDirectory('durable');
  file = path.join(place.path, 'file');
});
afterEach(() => {
  place.remove();
});

test.each([
  ['of its own', {}, { mode: 0o100600, uid: 0 }],
  ['for everybody to read, whatever the umask', { mode: 0o644 }, { mode: 0o100644, uid: 0 }],
  ["the service user's", { owner: ensureServiceUser() }, { mode: 0o100600, uid: ensureServiceUser().uid, gid: ensureServiceUser().gid }],
])('a file %s takes the place of the old one, and nothing else is left', (_, options, stats) => {
  writeFileSync(file, 'old');
  const umask = process.umask(0o077);
  try {
    writeDurably(file, 'new', options);
  } finally {
    process.umask(umask);
  }
  expect(readFileSync(file, 'utf8')).toBe('new');
  expect(statSync(file)).toMatchObject(stats);
  expect(readdirSync(place.path)).toEqual(['file']);
});

test('a link somebody has put in the way is replaced, never followed', () => {
  const target = path.join(place.path, 'target');
  writeFileSync(target, 'kept');
  symlinkSync(target, asideOf(file));
  symlinkSync(target, file);
  writeDurably(file, 'new');
  expect(readFileSync(target, 'utf8')).toBe('kept');
  expect(readFileSync(file, 'utf8')).toBe('new');
});

test("what killed processes left for this file goes with the next one, theirs of this user and of the file's owner", () => {
  const { uid, gid } = ensureServiceUser();
  const [ours, owners, strangers] = [0, uid, uid + 1].map((whose, index) => {
    const left = path.join(place.path, `.file.${String(neverRunning + index)}.new`);
    writeFileSync(left, 'half');
    chownSync(left, whose, gid);
    return path.basename(left);
  });
  writeDurably(file, 'new', { owner: { uid, gid } });
  expect(readdirSync(place.path).sort()).toEqual([strangers, 'file']);
  expect([ours, owners]).not.toContain(strangers);
});

test('where it cannot take its place nothing is left beside it', () => {
  writeFileSync(file, 'old');
  const there = path.join(place.path, 'directory');
  mkdirSync(there);
  expect(() => writeDurably(there, 'new')).toThrow(/EISDIR|ENOTDIR/u);
  expect(readdirSync(place.path).sort()).toEqual(['directory', 'file']);
});
