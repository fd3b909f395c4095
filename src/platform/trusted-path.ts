import { lstatSync, realpathSync, readlinkSync, type Stats } from 'node:fs';
import path from 'node:path';

/** Why a path cannot be trusted, as the end of a sentence ("… is owned by uid 1000"), or undefined when it can. */
export type Distrust = string | undefined;

const groupOrOtherWrite = 0o022;
const sticky = 0o1000;

/**
 * Whether nobody but root can change what `file` names: the file, every directory above it and above every symbolic link
 * on the way belong to root (or to `alsoUid`) and nobody else can write there. A sticky directory such as /tmp counts as
 * safe: others cannot replace root's entries in it.
 */
export function distrustOf(file: string, alsoUid?: number): Distrust {
  const trusted = (stats: Stats) => stats.uid === 0 || stats.uid === alsoUid;
  const seen = new Set<string>();
  const pending = [path.resolve(file)];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (let current = next; !seen.has(current); current = path.dirname(current)) {
      seen.add(current);
      const stats = lstatSync(current);
      if (!trusted(stats)) return `${current} is owned by uid ${String(stats.uid)}, not by root`;
      if (stats.isSymbolicLink()) {
        pending.push(path.resolve(path.dirname(current), readlinkSync(current)));
        continue;
      }
      const writable = (stats.mode & groupOrOtherWrite) !== 0;
      if (writable && !(stats.isDirectory() && (stats.mode & sticky) !== 0)) {
        return `${current} can be written by others (mode ${(stats.mode & 0o7777).toString(8).padStart(4, '0')})`;
      }
    }
  }
  const real = realpathSync(file);
  return seen.has(real) || real === path.resolve(file) ? undefined : distrustOf(real, alsoUid);
}
