import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

const tool = path.resolve(import.meta.dirname, '../../packaging/code-cache.mjs');
let directory: PrivateDirectory;
const file = (name: string) => path.join(directory.path, name);
/** What the chunk says, and whether V8 was given compiled code for it and took it. */
const run = () =>
  execFileSync(
    process.execPath,
    [
      '-e',
      `
  const vm = require('node:vm');
  let cache = 'none';
  vm.Script = class extends vm.Script { constructor(source, options) { super(source, options); if (options.cachedData) cache = this.cachedDataRejected ? 'rejected' : 'used'; } };
  const { say } = require(${JSON.stringify(file('chunk.cjs'))});
  process.stdout.write(say() + ' ' + cache);
`,
    ],
    { encoding: 'utf8', env: {} },
  );

beforeEach(() => {
  directory = privateDirectory('code-cache');
  writeFileSync(
    file('chunk.cjs'),
    'exports.say = () => "first from " + require("node:path").basename(__filename) + (__dirname === require("node:path").dirname(__filename));',
  );
  execFileSync(process.execPath, [tool, directory.path, 'chunk'], { env: {} });
});
afterEach(() => {
  directory.remove();
});

describe('a chunk with compiled code beside it', () => {
  it('runs from that', () => {
    expect(run()).toBe('first from chunk.jstrue used');
  });

  it('runs the source that is there, though it has only changed within its length', () => {
    writeFileSync(file('chunk.js'), readFileSync(file('chunk.js'), 'utf8').replace('first', 'other'));
    expect(run()).toBe('other from chunk.jstrue none');
  });

  it('runs from its source when the compiled code is damaged', () => {
    const cache = readFileSync(file('chunk.cache'));
    for (let at = 64; at < cache.length; at += 7) cache[at]! ^= 0x55;
    writeFileSync(file('chunk.cache'), cache);
    expect(run()).toBe('first from chunk.jstrue none');
  });

  it('runs from its source when the compiled code is cut short or gone', () => {
    writeFileSync(file('chunk.cache'), readFileSync(file('chunk.cache')).subarray(0, 100));
    expect(run()).toBe('first from chunk.jstrue none');
    rmSync(file('chunk.cache'));
    expect(existsSync(file('chunk.cache'))).toBe(false);
    expect(run()).toBe('first from chunk.jstrue none');
  });
});
