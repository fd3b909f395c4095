import { chownSync, lstatSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../errors.js';
import { runningAsRoot, type Account } from './service-user.js';

/**
 * Makes an instance's state directory for the service user, 0700. Root does no more than that here: files in it are made by
 * processes that have dropped (design rule 6), so none of them can be root's.
 */
export function ensureStateDirectory(directory: string, account: Account): void {
  try {
    makeParents(path.dirname(directory));
    try {
      mkdirSync(directory, { mode: 0o700 });
      if (runningAsRoot()) chownSync(directory, account.uid, account.gid);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const stats = lstatSync(directory);
    if (!stats.isDirectory() || stats.uid !== account.uid) {
      throw new HsmongerError('STATE_UNAVAILABLE', `${directory} must be a directory owned by '${account.name}'; move away what is there, or chown it.`);
    }
  } catch (error) {
    if (error instanceof HsmongerError) throw error;
    throw new HsmongerError('STATE_UNAVAILABLE', `Cannot make ${directory} for user '${account.name}': ${sentenceOf(error)}.`, { cause: error });
  }
}

/** The service user must be able to enter these, and certmonger runs helpers with umask 077 (main.c:231). */
function makeParents(directory: string): void {
  const mask = process.umask(0o022);
  try {
    mkdirSync(directory, { recursive: true });
  } finally {
    process.umask(mask);
  }
}
