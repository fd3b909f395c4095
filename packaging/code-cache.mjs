/**
 * node packaging/code-cache.mjs LIB CHUNK...: puts V8's compiled code beside each LIB/CHUNK.cjs and makes that file a stub that loads it.
 * Compiling is a third of a short-lived helper's own time. Everything is compiled, not only what runs first; another V8, or one with
 * other flags, refuses the cache and compiles the source as ever (node:vm, cachedDataRejected). Of the source V8 compares the length
 * alone and of the cache nothing: an edit of the same length would run the old code, a flipped bit crashes node. So the stub knows the
 * digest of both, which costs half a millisecond, and what differs is compiled. To be run by a node without options.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import Module from 'node:module';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

const [lib, ...chunks] = process.argv.slice(2);

/** `latin1`: the bundles are ASCII, and V8 keeps such a string as it is. */
const stub = (chunk, digest) => `"use strict";
const { createHash } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { Script } = require("node:vm");
const file = __dirname + "/${chunk}.js";
const source = readFileSync(file);
let cachedData;
try {
  const cache = readFileSync(__dirname + "/${chunk}.cache");
  if (createHash("sha256").update(source).update(cache).digest("hex") === "${digest}") cachedData = cache;
} catch {}
new Script(source.toString("latin1"), { filename: file, cachedData }).runInThisContext()(exports, require, module, file, __dirname);
`;

for (const chunk of chunks) {
  const file = path.join(lib, `${chunk}.cjs`);
  const source = Module.wrap(readFileSync(file, 'utf8'));
  if (/[^\u0000-\u007f]/u.test(source)) throw new Error(`${file} is not ASCII`);
  setFlagsFromString('--no-lazy');
  const script = new Script(source, { filename: path.join(lib, `${chunk}.js`) });
  setFlagsFromString('--lazy');
  const cache = script.createCachedData();
  writeFileSync(path.join(lib, `${chunk}.cache`), cache);
  writeFileSync(path.join(lib, `${chunk}.js`), source);
  writeFileSync(file, stub(chunk, createHash('sha256').update(source).update(cache).digest('hex')));
}
