import type * as FileSystem from 'node:fs';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { afterAll, beforeEach, expect, it, vi } from 'vitest';
import { placeNew } from '../../src/platform/place-new.js';

/** What link(2) is to fail with; no file system without second names can be made everywhere these tests run. */
const refusal = vi.hoisted((): { code?: string } => ({}));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof FileSystem>();
  return {
    ...fs,
    linkSync: (from: string, to: string) => {
      if (refusal.code !== undefined) throw Object.assign(new Error(refusal.code), { code: refusal.code });
      fs.linkSync(from, to);
    },
  };
});

const directory = mkdtempSync(path.join(tmpdir(), 'place-new-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});
const [aside, file] = [path.join(directory, '.aside'), path.join(directory, 'file')];
beforeEach(() => {
  for (const name of readdirSync(directory)) rmSync(path.join(directory, name));
  writeFileSync(aside, 'new');
});

it.each([undefined, 'EPERM', 'ENOTSUP'])('gives the file its name, also where link(2) says %s', (code) => {
  // What this system says, not a word of another's.
  if (code !== undefined) expect([...getSystemErrorMap().values()].map(([name]) => name)).toContain(code);
  Object.assign(refusal, { code });
  placeNew(aside, file);
  expect(readFileSync(file, 'utf8')).toBe('new');
});

it.each([undefined, 'EPERM'])('leaves what is there, also where link(2) says %s', (code) => {
  Object.assign(refusal, { code });
  writeFileSync(file, 'old');
  expect(() => {
    placeNew(aside, file);
  }).toThrow(expect.objectContaining({ code: 'EEXIST' }) as Error);
  expect(readFileSync(file, 'utf8')).toBe('old');
  expect(readFileSync(aside, 'utf8')).toBe('new');
});

it('leaves no empty file where the finished one cannot take its place', () => {
  Object.assign(refusal, { code: 'EPERM' });
  rmSync(aside);
  expect(() => {
    placeNew(aside, file);
  }).toThrow('ENOENT');
  expect(readdirSync(directory)).toEqual([]);
});

it('takes any other failure for what it is', () => {
  Object.assign(refusal, { code: 'EIO' });
  expect(() => {
    placeNew(aside, file);
  }).toThrow('EIO');
  expect(readdirSync(directory)).toEqual(['.aside']);
});
