import { randomBytes } from 'node:crypto';
import { existsSync, lchownSync, lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../errors.js';
import { runningAsRoot, type Account } from './service-user.js';
import { distrustOf } from './trusted-path.js';

/** rename(2) onto what is there already: a directory with something in it, or a file or link. */
const taken: ReadonlySet<string | undefined> = new Set(['EEXIST', 'ENOTEMPTY', 'ENOTDIR']);

/**
 * Makes a directory for the service user, 0700, below one where nobody but root can put a link in its way. Root does no more than that
 * here: files in it are made by processes that have dropped (design rule 6), so none of them can be root's. STATE_UNAVAILABLE otherwise.
 */
export function ensureStateDirectory(directory: string, account: Account): void {
  try {
    makeParent(path.dirname(directory));
    if (lstatSync(directory, { throwIfNoEntry: false }) === undefined) make(directory, account);
    const stats = lstatSync(directory);
    if (!stats.isDirectory() || stats.uid !== account.uid) {
      throw new HsmongerError(
        'STATE_UNAVAILABLE',
        `${directory} must be a directory owned by '${account.name}'; move away what is there, or chown it.`,
      );
    }
  } catch (error) {
    if (error instanceof HsmongerError) throw error;
    throw new HsmongerError('STATE_UNAVAILABLE', `Cannot make ${directory} for user '${account.name}': ${sentenceOf(error)}.`, {
      cause: error,
    });
  }
}

/** The service user must be able to enter these, and certmonger runs helpers with umask 077 (main.c:231). */
function makeParent(directory: string): void {
  if (!existsSync(directory)) {
    makeParent(path.dirname(directory));
    const mask = process.umask(0o022);
    try {
      mkdirSync(directory);
    } catch (error) {
      // Another process was quicker.
      if (codeOf(error) !== 'EEXIST') throw error;
    } finally {
      process.umask(mask);
    }
  }
  const distrust = runningAsRoot() ? distrustOf(directory) : undefined;
  if (distrust === undefined) return;
  throw new HsmongerError(
    'STATE_UNAVAILABLE',
    `Refusing to keep state below ${directory}: ${distrust}. Whoever can write it chooses what root hands to the service user; run chown root: and chmod go-w on what is named, or choose another --state-dir.`,
  );
}

/** In one step, for others and for kill -9: it is the service user's when it gets its name. */
function make(directory: string, account: Account): void {
  sweep(directory);
  const temporary = `${prefixOf(directory)}${String(process.pid)}.${randomBytes(8).toString('hex')}`;
  mkdirSync(temporary, { mode: 0o700 });
  try {
    if (runningAsRoot()) lchownSync(temporary, account.uid, account.gid);
    renameSync(temporary, directory);
  } catch (error) {
    rmdirSync(temporary);
    if (!taken.has(codeOf(error))) throw error;
  }
}

/** What a killed process left: empty, so that it can be removed without looking at what it is. */
function sweep(directory: string): void {
  const prefix = path.basename(prefixOf(directory));
  for (const entry of readdirSync(path.dirname(directory))) {
    const pid = entry.startsWith(prefix) ? /^(?<pid>\d+)\.[0-9a-f]{16}$/u.exec(entry.slice(prefix.length))?.groups?.['pid'] : undefined;
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    try {
      rmdirSync(path.join(path.dirname(directory), entry));
    } catch {
      // Another process swept it, or it is none of ours.
    }
  }
}

/** No name of an instance or of a user begins with a dot. */
function prefixOf(directory: string): string {
  return path.join(path.dirname(directory), `.new-${path.basename(directory)}.`);
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
