import { closeSync, fchmodSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { HsmongerError, sentenceOf } from '../errors.js';
import { writeDurably } from '../platform/durable-file.js';

/** Never over a file that is there: it may be what another CA is working on. For others to read: nothing in it is secret. */
export function writeNew(file: string, content: string): void {
  try {
    const descriptor = openSync(file, 'wx', 0o644);
    try {
      fchmodSync(descriptor, 0o644);
      writeSync(descriptor, content);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw new HsmongerError('USAGE', `${file} is there already and was left as it is; name another file, or move it away.`, { cause: error });
    throw new HsmongerError('COMMAND_FAILED', `Cannot write ${file}: ${sentenceOf(error)}.`, { cause: error });
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
