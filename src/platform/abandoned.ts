import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

/** Whose an abandoned directory may be beside this process's user. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Where mkdtemp() makes this process's own directory in a place everybody can write to; sweepAbandoned() knows it by this name. */
export function ownPrefix(place: string, purpose: string): string {
  return path.join(place, `${purpose}.${String(process.pid)}.`);
}

/**
 * Removes the directories that killed processes left under ownPrefix(). Anybody can put anything under that name there, and swap it for a
 * link while it is being emptied: so only this user's own are removed, and `owner`'s by a process that is that user and no more.
 */
export function sweepAbandoned(place: string, purpose: string, owner?: Owner): void {
  for (const entry of readdirSync(place)) {
    const [, named, pid] = /^(.+)\.(\d+)\.\w{6}$/u.exec(entry) ?? [];
    if (named !== purpose || existsSync(`/proc/${pid ?? ''}`)) continue;
    const directory = path.join(place, entry);
    const stats = lstatSync(directory, { throwIfNoEntry: false });
    if (stats?.isDirectory() !== true) continue;
    if (stats.uid === process.geteuid?.()) rmSync(directory, { recursive: true, force: true });
    else if (stats.uid === owner?.uid)
      spawnSync('/bin/rm', ['-rf', '--', directory], {
        uid: owner.uid,
        gid: owner.gid,
        env: {},
        cwd: '/',
        stdio: 'ignore',
        timeout: 10_000,
        killSignal: 'SIGKILL',
      });
  }
}
