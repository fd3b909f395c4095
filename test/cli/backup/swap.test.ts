import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { swapDirectories } from '../../../src/cli/backup/swap.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';

let place: PrivateDirectory;
const at = (...names: string[]) => path.join(place.path, ...names);
const make = (directory: string, ...files: string[]) => {
  mkdirSync(at(directory));
  for (const file of files) writeFileSync(at(directory, file), '');
};
beforeEach(() => {
  place = privateDirectory('swap');
  make('new', 'restored');
  make('there', 'old');
});
afterEach(() => {
  place.remove();
});

const order = () => ({ from: at('new'), to: at('there'), aside: at('aside') });
const contents = () => Object.fromEntries(readdirSync(place.path).map((name) => [name, readdirSync(at(name))]));

/** Renames, and lets another process begin right after what was there has gone. */
const disturbed =
  (...begins: (readonly string[])[]) =>
  (from: string, to: string) => {
    renameSync(from, to);
    const begin = begins.shift();
    if (begin !== undefined && !existsSync(at('there'))) make('there', ...begin);
  };

test('a directory takes the place of another, which is kept', () => {
  expect(swapDirectories(order())).toEqual([]);
  expect(contents()).toEqual({ aside: ['old'], there: ['restored'] });
});

test('also where others begin in between: an empty one goes, what has something in it is kept and named', () => {
  expect(swapDirectories(order(), disturbed(['theirs'], []))).toEqual([at('aside-2')]);
  expect(contents()).toEqual({ aside: ['old'], 'aside-2': ['theirs'], there: ['restored'] });
});

test('where it cannot, the other one is there again', () => {
  expect(() => swapDirectories({ ...order(), from: at('missing') })).toThrow(/ENOENT/u);
  expect(contents()).toEqual({ new: ['restored'], there: ['old'] });
});

test('also where others begin all the time, or in the very moment of going back', () => {
  const busy = Array.from({ length: 6 }, (_none, nth) => [`theirs-${String(nth)}`]);
  expect(() => swapDirectories(order(), disturbed(...busy))).toThrow(/ENOTEMPTY/u);
  expect(contents()).toMatchObject({ new: ['restored'], there: ['old'], 'aside-2': ['theirs-0'], 'aside-7': ['theirs-5'] });
});

test('where it cannot, and another has begun meanwhile, the old one is there again too', () => {
  expect(() => swapDirectories({ ...order(), from: at('missing') }, disturbed(['theirs']))).toThrow(/ENOENT/u);
  expect(contents()).toEqual({ new: ['restored'], there: ['old'], 'aside-2': ['theirs'] });
});

test('where nothing was there it takes the place alone', () => {
  expect(swapDirectories({ from: at('new'), to: at('elsewhere') })).toEqual([]);
  expect(contents()).toEqual({ elsewhere: ['restored'], there: ['old'] });
});

test('where nothing was there and another has begun since, that is one sentence, and what they began stays', () => {
  const { from, to } = order();
  expect(() => swapDirectories({ from, to })).toThrow(
    expect.objectContaining({
      code: 'STATE_BUSY',
      message: expect.stringContaining(`has begun a state in ${to} meanwhile`) as string,
    }) as Error,
  );
  expect(contents()).toEqual({ new: ['restored'], there: ['old'] });
});
