import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { distrustOf } from '../../platform/trusted-path.js';

/** Refuses, before anything is written, a place where others could later change the file (design rule 6). */
export function assertTrustedPlace(file: string): void {
  let existing = path.dirname(file);
  while (!existsSync(existing)) existing = path.dirname(existing);
  const distrust = distrustOf(existing);
  if (distrust !== undefined) {
    throw new HsmongerError('CONFIG_UNSAFE', `Refusing to write ${file}: ${distrust}. Whoever can write there chooses what runs as the service user; chown root and chmod go-w what is named, or use --config-dir.`);
  }
}

/** Writes an instance file so that a reader sees the whole of it or nothing: 0644, on the disk before it gets its name. */
export function writeInstanceFile(file: string, content: string): void {
  const directory = path.dirname(file);
  const temporary = path.join(directory, `.${path.basename(file)}.${String(process.pid)}`);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    rmSync(temporary, { force: true });
    const descriptor = openSync(temporary, 'wx', 0o644);
    try {
      writeSync(descriptor, content);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, file);
    const parent = openSync(directory, 'r');
    fsyncSync(parent);
    closeSync(parent);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new HsmongerError('CONFIG_INVALID', `Cannot write ${file}: ${sentenceOf(error)}.`, { cause: error });
  }
}
