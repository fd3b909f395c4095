import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, lstatSync, openSync, readFileSync, statfsSync, statSync, unlinkSync, writeSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError } from '../errors.js';
import { entriesOf } from '../platform/entries.js';

/** What one token is opened with. */
export interface TokenPassword {
  readonly token: string;
  readonly password: Uint8Array;
}

// statfs(2): memory, never the disk (tmpfs may swap, ramfs never).
const inMemory = new Set([0x01021994, 0x858458f6]);
const name = /^hsmonger-login\.(?<pid>\d+)\.(?<started>\d+)\.[0-9a-f]{16}$/u;
// NSS reads no more of a password file (secutil.c, SECU_FilePasswd).
const maxBytes = 4096;

/**
 * Runs `use` with a file of `TOKEN:PASSWORD` lines as NSS's tools take with -f: 0600, this user's, in memory, for this call only.
 * Every token that could be asked for must have its line: for one without, NSS sends the whole last line as its PIN, a failed attempt.
 */
export async function withPasswordFile<T>(
  passwords: readonly TokenPassword[],
  use: (file: string) => Promise<T>,
  directories = memoryDirectories(),
): Promise<T> {
  const directory = directories.find((candidate) => isInMemory(candidate));
  if (directory === undefined) {
    throw new HsmongerError(
      'NSS_FAILED',
      `Cannot hand NSS's tools a password: none of ${directories.join(', ')} is a writable tmpfs, and a PIN is never written to disk. Mount a tmpfs on /dev/shm.`,
    );
  }
  sweepPasswordFiles([directory]);
  const file = path.join(directory, `hsmonger-login.${String(process.pid)}.${startOf('self') ?? '0'}.${randomBytes(8).toString('hex')}`);
  const content = Buffer.concat(
    passwords.map(({ token, password }) => Buffer.concat([Buffer.from(`${token}:`), password, Buffer.from('\n')])),
  );
  try {
    if (content.length > maxBytes)
      throw new HsmongerError(
        'NSS_PASSWORD',
        `The passwords of ${passwords.map(({ token }) => token).join(' and ')} are longer than the ${String(maxBytes)} bytes NSS reads.`,
      );
    // wx: in a directory everybody can write to, nobody's prepared file or link is taken.
    const descriptor = openSync(file, 'wx', 0o600);
    try {
      writeSync(descriptor, content);
    } finally {
      closeSync(descriptor);
    }
    return await use(file);
  } finally {
    content.fill(0);
    if (existsSync(file)) unlinkSync(file);
  }
}

/** Removes what killed processes of this user left behind; a file whose process still runs stays. Returns how many. */
export function sweepPasswordFiles(directories = memoryDirectories()): number {
  let removed = 0;
  for (const directory of directories) {
    for (const entry of entriesOf(directory)) {
      const match = name.exec(entry);
      if (match?.groups === undefined || startOf(match.groups['pid'] ?? '') === match.groups['started']) continue;
      if (removedOwn(path.join(directory, entry))) removed++;
    }
  }
  return removed;
}

/** Anybody can put anything under our names there, so nothing met in sweeping may stop what comes after it. */
function removedOwn(file: string): boolean {
  try {
    const stats = lstatSync(file);
    if (!stats.isFile() || stats.uid !== process.geteuid?.()) return false;
    unlinkSync(file);
    return true;
  } catch {
    return false;
  }
}

function memoryDirectories(): string[] {
  const runtime = process.env['XDG_RUNTIME_DIR'];
  return [...(runtime === undefined ? [] : [runtime]), `/run/user/${String(process.geteuid?.())}`, '/dev/shm'];
}

function isInMemory(directory: string): boolean {
  try {
    return inMemory.has(statfsSync(directory).type) && writable(directory);
  } catch {
    return false;
  }
}

function writable(directory: string): boolean {
  const { mode, uid } = statSync(directory);
  return uid === process.geteuid?.() || (mode & 0o1002) === 0o1002;
}

/** A process's start time (proc(5), field 22): tells a living process from another that got its number. */
function startOf(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name, in brackets, may hold blanks and brackets itself.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
