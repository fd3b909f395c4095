import { chmodSync, chownSync, lchownSync, linkSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { changeFile } from '../../../src/cli/doctor/remedies/own-file.js';
import { run } from '../../../src/platform/run.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';

const serviceUid = 4321;
let directory: PrivateDirectory;
let file: string;

beforeEach(() => {
  directory = privateDirectory();
  file = path.join(directory.path, 'pin');
  writeFileSync(file, 'x', { mode: 0o644 });
});
afterEach(() => {
  directory.remove();
});

const factsOf = (of: string) => {
  const { mode, uid, gid } = lstatSync(of);
  return { mode: mode & 0o7777, uid, gid };
};

test('changes mode and owner of a file, and of a directory', () => {
  changeFile(file, serviceUid, { mode: 0o600 });
  changeFile(file, serviceUid, { uid: serviceUid, gid: 4322 });
  expect(factsOf(file)).toEqual({ mode: 0o600, uid: serviceUid, gid: 4322 });
  const inner = path.join(directory.path, 'inner');
  mkdirSync(inner, { mode: 0o755 });
  changeFile(inner, serviceUid, { mode: 0o700 });
  expect(factsOf(inner).mode).toBe(0o700);
});

test('refuses a link, a second name, a FIFO, and what is not there', async () => {
  const link = path.join(directory.path, 'link');
  symlinkSync(file, link);
  expect(() => changeFile(link, serviceUid, { mode: 0o600 })).toThrow(
    `Did not change ${link}: it is a symbolic link; look at it, and do it by hand.`,
  );
  linkSync(file, path.join(directory.path, 'second'));
  expect(() => changeFile(file, serviceUid, { uid: serviceUid, gid: 1 })).toThrow(/it has 2 names \(hard links\)/u);
  const fifo = path.join(directory.path, 'fifo');
  await run('mkfifo', [fifo]);
  expect(() => changeFile(fifo, serviceUid, { mode: 0o600 })).toThrow(/neither a file nor a directory/u);
  expect(() => changeFile(path.join(directory.path, 'none'), serviceUid, { mode: 0o600 })).toThrow(/ENOENT/u);
  expect(factsOf(file)).toMatchObject({ mode: 0o644, uid: 0 });
});

test('refuses a file in a directory where others than the service user can put another in its place', () => {
  const open = path.join(directory.path, 'open');
  mkdirSync(open);
  const inside = path.join(open, 'pin');
  writeFileSync(inside, 'x', { mode: 0o644 });
  chmodSync(open, 0o777);
  expect(() => changeFile(inside, serviceUid, { mode: 0o600 })).toThrow(/can be written by others/u);
  chmodSync(open, 0o755);
  chownSync(open, 999_999, 0);
  expect(() => changeFile(inside, serviceUid, { mode: 0o600 })).toThrow(/is owned by uid 999999/u);
  chownSync(open, serviceUid, 0);
  changeFile(inside, serviceUid, { mode: 0o600 });
  expect(factsOf(inside).mode).toBe(0o600);
});

test("a directory the service user has exchanged for a link to one of root's gets it none of root's files; a link of root's is followed", () => {
  const [theirs, roots] = [path.join(directory.path, 'theirs'), path.join(directory.path, 'roots')];
  for (const each of [theirs, roots]) mkdirSync(each, { mode: 0o755 });
  const precious = path.join(roots, 'pkcs11.txt');
  writeFileSync(precious, 'x', { mode: 0o600 });
  symlinkSync(roots, path.join(theirs, 'alias'));
  lchownSync(path.join(theirs, 'alias'), serviceUid, serviceUid);
  chownSync(theirs, serviceUid, serviceUid);
  expect(() => changeFile(path.join(theirs, 'alias', 'pkcs11.txt'), serviceUid, { uid: serviceUid, gid: serviceUid })).toThrow(
    `a symbolic link on the way leads to ${precious}`,
  );
  expect(factsOf(precious).uid).toBe(0);
  symlinkSync(roots, path.join(directory.path, 'alias'));
  changeFile(path.join(directory.path, 'alias', 'pkcs11.txt'), serviceUid, { mode: 0o640 });
  expect(factsOf(precious).mode).toBe(0o640);
});
