import { lstatSync, rmSync } from 'node:fs';
import path from 'node:path';
import { entriesOf } from './entries.js';

/** Where the content of a file is written before it has the file's name: beside it, under the number of this process. */
export function asideOf(file: string): string {
  return path.join(path.dirname(file), `.${path.basename(file)}.${String(process.pid)}.new`);
}

export interface LeftBehind {
  readonly path: string;
  readonly uid: number;
}

/**
 * What killed processes left at asideOf() of these files, each directory read once. Links, directories and what a running process may be
 * writing are not among it. A process of another PID namespace, or of another host with the same directory, is not seen to run: the worst
 * it suffers is that its file cannot be put in place, which it says.
 */
export function leftBeside(files: readonly string[]): LeftBehind[] {
  const names = new Map<string, Set<string>>();
  for (const file of files) {
    const directory = path.dirname(file);
    names.set(directory, (names.get(directory) ?? new Set()).add(path.basename(file)));
  }
  return [...names].flatMap(([directory, wanted]) =>
    entriesOf(directory).flatMap((entry): LeftBehind[] => {
      const [, name = '', pid = ''] = /^\.(.+)\.([1-9]\d{0,9})\.new$/su.exec(entry) ?? [];
      if (!wanted.has(name) || !hasEnded(Number(pid))) return [];
      const found = path.join(directory, entry);
      const stats = lstatSync(found, { throwIfNoEntry: false });
      return stats?.isFile() === true ? [{ path: found, uid: stats.uid }] : [];
    }),
  );
}

/** Removes it where it is this user's, or `owner`'s. What cannot be removed stays: it is in nobody's way. */
export function sweepBeside(files: readonly string[], owner?: { readonly uid: number }): void {
  for (const { path: left, uid } of leftBeside(files)) {
    if (uid !== process.geteuid?.() && uid !== owner?.uid) continue;
    try {
      rmSync(left, { force: true });
    } catch {
      // A directory this user may not write in, or another process that was quicker.
    }
  }
}

/** Not by /proc, which may be mounted so that it hides what others run. */
function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
