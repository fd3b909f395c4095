import path from 'node:path';
import { compileLibrary } from './compile.js';

/**
 * The token's module behind one that kills its process before or after the n-th C_SetAttributeValue (OBSTINATE_KILL_BEFORE,
 * OBSTINATE_KILL_AFTER) or refuses the n-th (OBSTINATE_REFUSE), as the environment says. Returns its absolute path.
 */
export function createObstinateModule(directory: string, module: string): string {
  const file = path.join(directory, 'obstinate.so');
  compileLibrary(file, path.join(import.meta.dirname, 'obstinate-module.c'), { MODULE: module });
  return file;
}
