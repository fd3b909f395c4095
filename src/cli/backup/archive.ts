import { closeSync, existsSync, fsyncSync, lstatSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { run } from '../../platform/run.js';

const prefix = '.hsmonger-backup.';

/**
 * Of a backup being made or restored, beside its file: root's alone. Gone afterwards, and swept by the next one where a killed process left
 * it.
 */
export async function withStaging<T>(beside: string, work: (directory: string) => Promise<T>): Promise<T> {
  const parent = path.dirname(path.resolve(beside));
  const directory = path.join(parent, `${prefix}${String(process.pid)}`);
  try {
    sweep(parent);
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    throw new HsmongerError(
      'STATE_UNAVAILABLE',
      `Cannot work in ${parent}: ${sentenceOf(error)}; name a file in a directory root can write in.`,
      { cause: error },
    );
  }
  try {
    return await work(directory);
  } catch (error) {
    throw full(error)
      ? new HsmongerError(
          'STATE_UNAVAILABLE',
          `The disk of ${parent} is full, so nothing was made there; make room, or name a file elsewhere.`,
          { cause: error },
        )
      : error;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Only what is this user's own: in a directory such as /tmp anybody can put something under that name, and swap what is in it for a link
 * while it is being emptied.
 */
function sweep(parent: string): void {
  for (const entry of readdirSync(parent)) {
    if (!entry.startsWith(prefix)) continue;
    // The archive in the making has a name after that of the directory.
    const [, pid] = /^([1-9]\d*)(?:\.tar)?$/u.exec(entry.slice(prefix.length)) ?? [];
    if (pid === undefined || (existsSync(`/proc/${pid}`) && pid !== String(process.pid))) continue;
    const left = path.join(parent, entry);
    if (lstatSync(left, { throwIfNoEntry: false })?.uid === process.geteuid?.()) rmSync(left, { recursive: true, force: true });
  }
}

/** Packs `directory` into `file`, which must not be there: 0600, in one step, on the disk before it returns. */
export async function pack(directory: string, file: string): Promise<void> {
  const temporary = `${directory}.tar`;
  try {
    closeSync(openSync(temporary, 'wx', 0o600));
    await run('tar', ['--create', '--file', temporary, '--numeric-owner', '--owner=0', '--group=0', '--directory', directory, '.'], {
      timeoutMs: 3_600_000,
    });
    flushed(temporary);
    renameSync(temporary, file);
    flushed(path.dirname(file));
  } finally {
    rmSync(temporary, { force: true });
  }
}

/**
 * Unpacks into a directory nobody else can enter; who owned what, and its modes, do not come along. BACKUP_INVALID for what is no tar
 * archive.
 */
export async function unpack(file: string, directory: string): Promise<void> {
  try {
    await run('tar', ['--extract', '--file', file, '--no-same-owner', '--no-same-permissions', '--directory', directory], {
      timeoutMs: 3_600_000,
    });
  } catch (error) {
    if (full(error)) throw error;
    throw new HsmongerError('BACKUP_INVALID', `${file} is no backup of hsmonger, or is damaged: ${sentenceOf(error)}`, { cause: error });
  }
}

function flushed(file: string): void {
  const descriptor = openSync(file, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The system's word for it, or tar's. */
function full(error: unknown): boolean {
  return (
    (error as NodeJS.ErrnoException).code === 'ENOSPC' ||
    (error instanceof HsmongerError && error.code === 'COMMAND_FAILED' && error.message.includes('No space left on device'))
  );
}
