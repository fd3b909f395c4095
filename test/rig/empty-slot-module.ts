import path from 'node:path';
import { compileLibrary } from './compile.js';

/** The token's module behind one that shows an empty slot before its own. Returns its absolute path. */
export function createEmptySlotModule(directory: string, module: string): string {
  const file = path.join(directory, 'empty-slot.so');
  compileLibrary(file, path.join(import.meta.dirname, 'empty-slot-module.c'), { MODULE: module });
  return file;
}
