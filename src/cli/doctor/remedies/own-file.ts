import { closeSync, constants, fchmodSync, fchownSync, fstatSync, openSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../../../errors.js';
import { distrustOf } from '../../../platform/trusted-path.js';

/**
 * Changes mode or owner of exactly the file (or directory) that is meant: no link, nothing with a second name, below directories in which
 * nobody but root and the service user can put another in its place. What was opened is what is changed. Where the service user can write
 * on the way there is no link at all: one of its own may lead to root's files of the same name, such as pkcs11.txt of another database.
 */
export function changeFile(
  file: string,
  serviceUid: number,
  change: { readonly mode: number } | { readonly uid: number; readonly gid: number },
): void {
  const refused = (why: string) => new HsmongerError('NOT_PERMITTED', `Did not change ${file}: ${why}; look at it, and do it by hand.`);
  const distrust = distrusted(path.dirname(file), serviceUid, refused);
  if (distrust !== undefined) throw refused(distrust);
  const descriptor = opened(file, refused);
  try {
    const stats = fstatSync(descriptor);
    const real = readlinkSync(`/proc/self/fd/${String(descriptor)}`);
    if (real !== path.resolve(file) && !rootAlone(path.dirname(file))) throw refused(`a symbolic link on the way leads to ${real}`);
    if (!stats.isFile() && !stats.isDirectory()) throw refused('it is neither a file nor a directory');
    if (stats.isFile() && stats.nlink > 1) throw refused(`it has ${String(stats.nlink)} names (hard links)`);
    if ('mode' in change) fchmodSync(descriptor, change.mode);
    else fchownSync(descriptor, change.uid, change.gid);
  } finally {
    closeSync(descriptor);
  }
}

function rootAlone(directory: string): boolean {
  return distrustOf(directory) === undefined;
}

function distrusted(directory: string, serviceUid: number, refused: (why: string) => HsmongerError): string | undefined {
  try {
    return distrustOf(directory, serviceUid);
  } catch (error) {
    throw refused(sentenceOf(error));
  }
}

function opened(file: string, refused: (why: string) => HsmongerError): number {
  try {
    // O_NONBLOCK: a FIFO must not hold us up before we have seen that it is one.
    return openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    throw refused((error as NodeJS.ErrnoException).code === 'ELOOP' ? 'it is a symbolic link' : sentenceOf(error));
  }
}
