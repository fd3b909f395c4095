import { execFileSync } from 'node:child_process';
import path from 'node:path';

/** The token's module behind one that shows an empty slot before its own. Returns its absolute path. */
export function createEmptySlotModule(directory: string, module: string): string {
  const file = path.join(directory, 'empty-slot.so');
  execFileSync('cc', [
    '-shared',
    '-fPIC',
    '-O1',
    '-o',
    file,
    `-DMODULE=${JSON.stringify(module)}`,
    path.join(import.meta.dirname, 'empty-slot-module.c'),
    '-ldl',
  ]);
  return file;
}
