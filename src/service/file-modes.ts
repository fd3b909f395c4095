import { closeSync, constants, fchmodSync, fstatSync, openSync } from 'node:fs';
import type { CertificateConfig } from '../config/instance.js';
import { sentenceOf } from '../errors.js';
import type { run } from '../platform/run.js';

/**
 * Gives the files of a certificate the owner and mode the instance file says, never more: whoever replaces a file may leave it with others,
 * and a key that more people can read is a key lost. Files that are not there are left out. Warnings where it could not be done. Needs
 * root.
 */
export async function keepFileModes({ nickname, storage }: CertificateConfig, execute: typeof run): Promise<string[]> {
  if (storage.kind !== 'file') return [];
  const warnings: string[] = [];
  for (const file of [storage.certificate, storage.key]) {
    try {
      if (!setMode(file, storage.mode)) continue;
      if (storage.owner !== undefined) await setOwner(file, storage.owner, execute);
    } catch (error) {
      warnings.push(`Owner or mode of ${file} ('${nickname}') could not be set: ${sentenceOf(error)}`);
    }
  }
  return warnings;
}

/** Says whether the file is there. */
function setMode(file: string, mode: number | undefined): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  try {
    if (mode !== undefined && (fstatSync(descriptor).mode & 0o7777) !== mode) fchmodSync(descriptor, mode);
    return true;
  } finally {
    closeSync(descriptor);
  }
}

/** By the tools, which know every user database the system has. */
async function setOwner(file: string, owner: string, execute: typeof run): Promise<void> {
  const format = owner.includes(':') ? '%U:%G' : '%U';
  const { stdout } = await execute('stat', ['-c', format, '--', file]);
  if (stdout.trim() !== owner) await execute('chown', ['--no-dereference', '--', owner, file]);
}
