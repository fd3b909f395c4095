import { execFileSync } from 'node:child_process';
import path from 'node:path';

/**
 * The token's module behind one that kills its process before or after the n-th C_SetAttributeValue (OBSTINATE_KILL_BEFORE,
 * OBSTINATE_KILL_AFTER) or refuses the n-th (OBSTINATE_REFUSE), as the environment says. Returns its absolute path.
 */
export function createObstinateModule(directory: string, module: string): string {
  const file = path.join(directory, 'obstinate.so');
  execFileSync('cc', [
    '-shared',
    '-fPIC',
    '-O1',
    '-o',
    file,
    `-DMODULE=${JSON.stringify(module)}`,
    path.join(import.meta.dirname, 'obstinate-module.c'),
    '-ldl',
  ]);
  return file;
}
