import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { writeDurably } from '../../platform/durable-file.js';
import { distrustOf } from '../../platform/trusted-path.js';

/** Refuses, before anything is written, a place where others could later change the file (design rule 6). */
export function assertTrustedPlace(file: string): void {
  let existing = path.dirname(file);
  while (!existsSync(existing)) existing = path.dirname(existing);
  const distrust = distrustOf(existing);
  if (distrust !== undefined) {
    throw new HsmongerError(
      'CONFIG_UNSAFE',
      `Refusing to write ${file}: ${distrust}. Whoever can write there chooses what runs as the service user; chown root and chmod go-w what is named, or use --config-dir.`,
    );
  }
}

/** Writes an instance file so that a reader sees the whole of it or nothing: 0644, on the disk before it gets its name. */
export function writeInstanceFile(file: string, content: string): void {
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
    writeDurably(file, content, { mode: 0o644 });
  } catch (error) {
    throw new HsmongerError('COMMAND_FAILED', `Cannot write ${file}: ${sentenceOf(error)}. Mend that and run this again.`, {
      cause: error,
    });
  }
}
