import { chownSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ownPrefix, sweepAbandoned } from '../../src/platform/abandoned.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { ensureServiceUser } from '../rig/service-user.js';

let place: PrivateDirectory;
beforeEach(() => {
  place = privateDirectory('abandoned');
});
afterEach(() => {
  place.remove();
});

/** No process has this number: it is above the kernel's greatest. */
const dead = 4194305;
const left = (name: string, uid = 0): string => {
  const directory = path.join(place.path, name);
  mkdirSync(path.join(directory, 'sub'), { recursive: true });
  writeFileSync(path.join(directory, 'sub', 'secret'), 'x');
  for (const one of [path.join(directory, 'sub', 'secret'), path.join(directory, 'sub'), directory]) chownSync(one, uid, uid);
  return directory;
};

test("what a killed process of this user left is removed; a running one's, another purpose's and what is named otherwise stay", () => {
  const [mine, running, other, odd] = [
    left(`x.${String(dead)}.abcDEF`),
    left(`x.${String(process.pid)}.abcDEF`),
    left(`y.${String(dead)}.abcDEF`),
    left(`x.${String(dead)}.abcDEF.bak`),
  ];
  sweepAbandoned(place.path, 'x');
  expect([mine, running, other, odd].map((one) => existsSync(one))).toEqual([false, true, true, true]);
  expect(path.basename(ownPrefix(place.path, 'x'))).toBe(`x.${String(process.pid)}.`);
});

test("a stranger's directory or link under that name is not touched: root would remove what the stranger swaps in", () => {
  const stranger = left(`x.${String(dead)}.abcDEF`, 12345);
  const target = left('target');
  symlinkSync(target, path.join(place.path, `x.${String(dead)}.ghiJKL`));
  sweepAbandoned(place.path, 'x', ensureServiceUser());
  expect(existsSync(path.join(stranger, 'sub', 'secret'))).toBe(true);
  expect(existsSync(path.join(target, 'sub', 'secret'))).toBe(true);
});

test('what the service user was given is removed with no more rights than the service user has', () => {
  const user = ensureServiceUser();
  const given = left(`x.${String(dead)}.abcDEF`, user.uid);
  const root = path.join(given, 'kept');
  mkdirSync(root);
  writeFileSync(path.join(root, 'of root'), 'x');
  chownSync(place.path, user.uid, user.gid);
  sweepAbandoned(place.path, 'x', user);
  expect(existsSync(path.join(given, 'sub'))).toBe(false);
  expect(existsSync(path.join(root, 'of root'))).toBe(true);
});
