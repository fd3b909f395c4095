import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../errors.js';
import { directiveOf, withDirective } from './directives.js';

/** One line of a subsystem's CS.cfg: where it stands and what it is to say. */
export interface Directive {
  readonly name: string;
  readonly value: string;
}

/** Dogtag's own files; a subsystem that is not installed has none. */
export function configFile(pkiDirectory: string, subsystem: 'ca' | 'kra'): string {
  return path.join(pkiDirectory, subsystem, 'CS.cfg');
}

/**
 * Gives directives their values, those that are there: none is added, for a newer PKI keeps no certificates in CS.cfg. What was there
 * before the change is kept beside it as CS.cfg.hsmongerbkp; the file changes in one step, keeps owner and mode, and is on the disk when
 * this returns. The server must not run meanwhile: it writes the file too. Runs as the service user; PKI_CONFIG_FAILED when it cannot.
 */
export function setDirectives(file: string, directives: readonly Directive[]): 'updated' | 'already there' | 'not there' {
  try {
    const found = read(file);
    if (found === undefined) return 'not there';
    const there = directives.filter(({ name }) => directiveOf(found.content, name) !== undefined);
    const content = there.reduce((text, { name, value }) => withDirective(text, name, value), found.content);
    if (content === found.content) return there.length === 0 ? 'not there' : 'already there';
    sweep(found.file);
    put(`${found.file}.hsmongerbkp`, found.content, found.stats);
    put(found.file, content, found.stats);
    return 'updated';
  } catch (error) {
    throw new HsmongerError(
      'PKI_CONFIG_FAILED',
      `Cannot change ${directives.map(({ name }) => name).join(' and ')} in ${file}: ${sentenceOf(error)}. It is as it was, and is changed at the next attempt; give the file and its directory to the service user.`,
      { cause: error },
    );
  }
}

/** What directives say now, undefined of one that is not there. PKI_CONFIG_FAILED when the file cannot be read. */
export function readDirectives(file: string, names: readonly string[]): ReadonlyMap<string, string | undefined> {
  try {
    const found = read(file);
    return new Map(names.map((name) => [name, found === undefined ? undefined : directiveOf(found.content, name)]));
  } catch (error) {
    throw new HsmongerError(
      'PKI_CONFIG_FAILED',
      `Cannot read ${names.join(' and ')} in ${file}: ${sentenceOf(error)}; give the file and its directory to the service user.`,
      { cause: error },
    );
  }
}

function read(name: string): { readonly file: string; readonly content: string; readonly stats: Stats } | undefined {
  let file: string;
  try {
    // It may be a link, which a rename would replace.
    file = realpathSync(name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
  const descriptor = openSync(file, 'r');
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new Error('it is not a file');
    return { file, content: readFileSync(descriptor, 'latin1'), stats };
  } finally {
    closeSync(descriptor);
  }
}

/** Under a name of its own first: whoever opens the file sees the old content or the new one. */
function put(file: string, content: string, { uid, gid, mode }: Stats): void {
  const temporary = `${prefixOf(file)}${String(process.pid)}.${randomBytes(8).toString('hex')}`;
  const descriptor = openSync(temporary, 'wx', 0o600);
  try {
    const made = fstatSync(descriptor);
    // A file that is somebody else's is not taken over; a group of ours can be given.
    if (made.uid !== uid || made.gid !== gid) fchownSync(descriptor, uid, gid);
    fchmodSync(descriptor, mode & 0o7777);
    writeFileSync(descriptor, content, 'latin1');
    fsyncSync(descriptor);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
  const directory = openSync(path.dirname(file), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** What killed processes left. The caller holds the saving lock: no other process of ours is at work here. */
function sweep(file: string): void {
  for (const entry of readdirSync(path.dirname(file))) {
    if (/^\.hsmonger\.CS\.cfg[a-z.]*\.\d+\.[0-9a-f]{16}$/u.test(entry)) rmSync(path.join(path.dirname(file), entry), { force: true });
  }
}

function prefixOf(file: string): string {
  return path.join(path.dirname(file), `.hsmonger.${path.basename(file)}.`);
}
