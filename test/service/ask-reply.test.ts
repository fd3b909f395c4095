import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { parseInstance } from '../../src/config/schema.js';
import { askService } from '../../src/service/ask.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

/** A worker that says so much: no task of ours does within the time of a test. */
const place = vi.hoisted(() => ({ addons: '' }));
vi.mock('../../src/platform/installation.js', () => ({ installation: () => ({ executables: '/nowhere', addons: place.addons }) }));

let directory: PrivateDirectory;
beforeAll(() => {
  directory = privateDirectory('ask-reply');
  place.addons = directory.path;
});
afterAll(() => {
  directory.remove();
});

const instance = parseInstance(
  'x',
  '/x.toml',
  parse('[token]\nlabel="t"\nmodule="/usr/lib/m.so"\npin-file="/p"\n[nss]\ndatabase="/n"\n[issuer]\ntype="external"\ncertificate="ca"\n'),
);
const ask = (worker: string, onProgress?: () => void) => {
  writeFileSync(
    path.join(directory.path, 'worker.cjs'),
    `const { writeFileSync } = require('node:fs');\nconst much = 'x'.repeat(1024 * 1024);\n${worker}`,
  );
  return askService(
    { instance, directories: { config: '/c', state: '/s' } },
    'list tokens',
    undefined,
    onProgress === undefined ? {} : { onProgress },
  );
};

test('parts that are handed over may together be longer than a reply', async () => {
  let parts = 0;
  const answer = await ask(
    "for (let n = 0; n < 80; n++) writeFileSync(3, JSON.stringify({ progress: { done: n, total: 80, part: much } }) + '\\n');\nwriteFileSync(3, JSON.stringify({ ok: true, value: [] }));",
    () => {
      parts++;
    },
  );
  expect(answer).toEqual([]);
  expect(parts).toBe(80);
});

test('a reply without end is not read, and is no silence of a module', async () => {
  await expect(ask('for (;;) writeFileSync(3, much);')).rejects.toMatchObject({
    code: 'INTERNAL',
    message: expect.stringMatching(
      /^The process working as user 'pkiuser' answered 'list tokens' with more than 64 MiB, [^.]*\.$/u,
    ) as string,
  });
});
