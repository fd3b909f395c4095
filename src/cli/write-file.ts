import { closeSync, fchmodSync, fsyncSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../errors.js';
import { writeDurably } from '../platform/durable-file.js';
import { placeNew } from '../platform/place-new.js';

/**
 * Never over a file that is there: it may be what another CA is working on. Whole or not at all, also where this process is killed; a file that holds just this is what a run before this one wrote. For
 * others to read: nothing in it is secret.
 */
export function writeNew(file: string, content: string): void {
  const aside = path.join(path.dirname(file), `.${path.basename(file)}.${String(process.pid)}.new`);
  try {
    // A process of this number may have been killed here before.
    rmSync(aside, { force: true });
    const descriptor = openSync(aside, 'wx', 0o644);
    try {
      fillNew(descriptor, content);
      placeNew(aside, file);
    } finally {
      closeSync(descriptor);
      rmSync(aside, { force: true });
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new HsmongerError('COMMAND_FAILED', `Cannot write ${file}: ${sentenceOf(error)}.`, { cause: error });
    if (!holds(file, content)) throw new HsmongerError('USAGE', `${file} is there already and was left as it is; name another file, or move it away.`, { cause: error });
  }
}

/** On the disk when it returns. Not by writeSync(), which on a full disk may write a part and say so. */
function fillNew(descriptor: number, content: string): void {
  fchmodSync(descriptor, 0o644);
  writeFileSync(descriptor, content);
  fsyncSync(descriptor);
}

function holds(file: string, content: string): boolean {
  try {
    return readFileSync(file, 'latin1') === content;
  } catch {
    return false;
  }
}

/** Over what is there: it is made anew whenever it is asked for, and a reader sees the old or the new. */
export function writePublic(file: string, content: string): void {
  try {
    writeDurably(file, content, { mode: 0o644 });
  } catch (error) {
    throw new HsmongerError('COMMAND_FAILED', `Cannot write ${file}: ${sentenceOf(error)}.`, { cause: error });
  }
}
