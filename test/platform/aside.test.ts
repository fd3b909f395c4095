import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { asideOf, leftBeside, sweepBeside } from '../../src/platform/aside.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { ensureServiceUser } from '../rig/service-user.js';

let place: PrivateDirectory;
let dead: number;
beforeEach(() => {
  place = privateDirectory('aside');
  dead = spawnSync('/bin/true').pid;
});
afterEach(() => {
  place.remove();
});

const at = (name: string) => path.join(place.path, name);
const file = (name: string, uid = 0): string => {
  writeFileSync(at(name), 'half');
  chownSync(at(name), uid, uid);
  return at(name);
};
const remain = (paths: readonly string[]) => paths.map((one) => existsSync(one));

test('what a killed process left for one of the files is removed, however its name is spelt', () => {
  const left = ['a.crt', 'b.1.new', 'ca (2)\n.pem'].map((name) => file(`.${name}.${String(dead)}.new`));
  sweepBeside(['a.crt', 'b.1.new', 'ca (2)\n.pem'].map(at));
  expect(remain(left)).toEqual([false, false, false]);
  // The name asked for is the one this process gives.
  expect(asideOf(at('a.crt'))).toBe(at(`.a.crt.${String(process.pid)}.new`));
});

test('all else stays: of running processes, other files, other forms', () => {
  const stay = [
    `.a.crt.${String(process.pid)}.new`,
    '.a.crt.1.new',
    `.b.crt.${String(dead)}.new`,
    `.a.crt.${String(dead)}`,
    `a.crt.${String(dead)}.new`,
    `.a.crt.${String(dead)}.new.bak`,
    '.a.crt..new',
    '.a.crt.-5.new',
    '.a.crt.0.new',
    '.a.crt.99999999999.new',
    `.a.crt.0${String(dead)}.new`,
  ].map((name) => file(name));
  sweepBeside([at('a.crt')]);
  expect(remain(stay)).not.toContain(false);
});

test("and what is no file of this user's or of the owner named, nor what a link leads to", () => {
  const target = file('target');
  symlinkSync(target, at(`.a.${String(dead)}.new`));
  mkdirSync(at(`.b.${String(dead)}.new`));
  const { uid } = ensureServiceUser();
  const theirs = file(`.c.${String(dead)}.new`, uid);
  const all = ['a', 'b', 'c'].map(at);
  sweepBeside(all);
  expect(remain([target, at(`.a.${String(dead)}.new`), at(`.b.${String(dead)}.new`), theirs])).not.toContain(false);
  expect(leftBeside(all)).toEqual([{ path: theirs, uid }]);
  sweepBeside(all, { uid });
  expect(existsSync(theirs)).toBe(false);
});

test('a directory that is not there has nothing in it', () => {
  expect(leftBeside([at('nowhere/a')])).toEqual([]);
});
