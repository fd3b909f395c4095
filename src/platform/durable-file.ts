import { closeSync, fchmodSync, fchownSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { asideOf, sweepBeside } from './aside.js';

export interface DurableOptions {
  /** Whatever the umask. Default 0600. */
  readonly mode?: number;
  /** Default this user's; another's needs root. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/**
 * Puts a file in place in one step, on the disk before it returns; what was there is replaced, and stays when this fails. The content goes
 * to a file of this process first, one nobody prepared; what killed processes left of theirs for this file is removed. Errors are the
 * system's.
 */
export function writeDurably(file: string, content: string | Uint8Array, options: DurableOptions = {}): void {
  sweepBeside([file], options.owner);
  placeDurably(file, content, options);
}

/** The same in a directory that was made for it, where nobody can have left anything: not read again for each of thousands of files. */
export function placeDurably(file: string, content: string | Uint8Array, { mode = 0o600, owner }: DurableOptions = {}): void {
  const temporary = asideOf(file);
  try {
    rmSync(temporary, { force: true });
    // Nobody else opens it before it is whose it is to be.
    flushed(temporary, 'wx', (descriptor) => {
      if (owner !== undefined) fchownSync(descriptor, owner.uid, owner.gid);
      fchmodSync(descriptor, mode);
      // Not writeSync(), which may write a part and say so.
      writeFileSync(descriptor, content);
    });
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  // The name is in the directory, not in the file.
  flushed(path.dirname(file), 'r', () => undefined);
}

function flushed(file: string, flags: 'wx' | 'r', write: (descriptor: number) => void): void {
  const descriptor = openSync(file, flags, 0o600);
  try {
    write(descriptor);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
