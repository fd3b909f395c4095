import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process as /proc shows it. */
export interface Seen {
  readonly pid: number;
  readonly parent: number;
  /** Words of the command line. */
  readonly command: readonly string[];
}

/** Every process there is; those that end while we look are left out. */
export function processes(): Seen[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/u.test(name)) return [];
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').slice(0, -1);
      // After the name in parentheses, which may hold anything: state, then the parent.
      const [, parent] = readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\) /su, '')
        .split(' ');
      return [{ pid: Number(name), parent: Number(parent), command }];
    } catch {
      return [];
    }
  });
}

/**
 * The processes of one of our programs that certmonger runs for the site in this directory: the shell in front of the helper, or what works
 * behind it. Those that only name it, a timer's, are none.
 */
export function running(program: string, directory: string, part: 'shell' | 'node'): Seen[] {
  return processes().filter(
    ({ command }) =>
      command.some((word) => word.endsWith(`/${program}`)) &&
      command.some((word) => word.startsWith(`${directory}/`)) &&
      command[0]?.endsWith(part === 'shell' ? '/sh' : '/node') === true &&
      !command.includes('--resume'),
  );
}

/** A process and all that descend from it. */
export function family(pid: number, all: readonly Seen[] = processes()): number[] {
  return [pid, ...all.filter(({ parent }) => parent === pid).flatMap((child) => family(child.pid, all))];
}

/** kill -9; one that has ended meanwhile is dead enough. Says whether any was still there. */
export function killAll(pids: readonly number[]): boolean {
  return killSparingTheToken(() => pids);
}

/** kill -9 of a process with all that descend from it: stopped first, so that it starts nothing more meanwhile. */
export function killFamily(pid: number): boolean {
  return killSparingTheToken(() => (signalled(pid, 'SIGSTOP') ? family(pid) : []));
}

/**
 * Who is about to write to a SoftHSM token may go on until it is written: SoftHSM empties the file first, at every login token.object, and
 * a kill in between leaves no token, which no HSM does (ObjectFile::store). So may who does not stop: a shell that waits in vfork(2) for a
 * child we have stopped before its execve, neither stops nor goes on.
 */
function killSparingTheToken(prey: () => readonly number[]): boolean {
  for (const end = Date.now() + 30_000; ;) {
    const there = prey().filter((pid) => signalled(pid, 'SIGSTOP'));
    if (Date.now() > end) throw new Error('They write to the token all the time, or do not stop.');
    if (areStopped(there) && !there.some(hasObjectOpen)) return there.map((pid) => signalled(pid, 'SIGKILL')).includes(true);
    for (const pid of there) signalled(pid, 'SIGCONT');
    pause(1);
  }
}

/** Soon, all of them. */
function areStopped(pids: readonly number[]): boolean {
  for (const end = Date.now() + 300; !pids.every(isStopped); pause(1)) if (Date.now() > end) return false;
  return true;
}

/** Every thread of it, which a system call may keep from that for a while; what has ended too. */
function isStopped(pid: number): boolean {
  try {
    const tasks = `/proc/${String(pid)}/task`;
    return readdirSync(tasks).every((task) => /\) [TtZX] /u.test(readFileSync(`${tasks}/${task}/stat`, 'utf8')));
  } catch {
    return true;
  }
}

function hasObjectOpen(pid: number): boolean {
  try {
    const directory = `/proc/${String(pid)}/fd`;
    return readdirSync(directory).some((fd) => readlinkSync(`${directory}/${fd}`).endsWith('.object'));
  } catch {
    return false;
  }
}

function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/**
 * Looks every millisecond (or without a pause, where `everyMs` is 0), giving way to nothing else in this process; fails after `patienceMs`.
 */
export function watchFor<T>(what: string, look: () => T | undefined, patienceMs = 30_000, everyMs = 1): T {
  for (const end = Date.now() + patienceMs; ; pause(everyMs)) {
    const found = look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`Never saw ${what} within ${String(patienceMs / 1000)} s.`);
  }
}

function pause(milliseconds: number): void {
  if (milliseconds === 0) return;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
