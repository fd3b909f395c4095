import { HsmongerError, sentenceOf } from '../../errors.js';
import { writeDurably } from '../../platform/durable-file.js';

/** Over what is there: it is made anew whenever it is asked for, and a reader sees the old or the new. */
export function writePublic(file: string, content: string): void {
  try {
    writeDurably(file, content, { mode: 0o644 });
  } catch (error) {
    throw new HsmongerError('COMMAND_FAILED', `Cannot write ${file}: ${sentenceOf(error)}.`, { cause: error });
  }
}
