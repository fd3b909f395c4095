import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { expect, test } from 'vitest';
import { privateDirectory } from './directory.js';
import { killFamily } from './prey.js';

test('a parent in vfork(2) does not stop while its child is stopped: both are killed once the child has got to its execve', async () => {
  const directory = privateDirectory('prey');
  const program = path.join(directory.path, 'vforks');
  execFileSync('cc', ['-o', program, path.join(import.meta.dirname, 'vforks.c')]);
  const child = spawn(program, [], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  expect(killFamily(child.pid!)).toBe(true);
  expect(await ended).toEqual([null, 'SIGKILL']);
  directory.remove();
});
