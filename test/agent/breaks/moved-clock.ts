import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const library = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';

/** A clock of their own for some processes and all they start, in whatever environment. */
export interface MovedClock {
  /** The command line that runs a program with it, in the same process. */
  readonly command: (program: string, args: readonly string[]) => readonly [string, readonly string[]];
  /** What those that are there when it jumps want in their environment: only the calendar jumps, as on a real host. */
  readonly environment: Readonly<Record<string, string>>;
  /** Moves it to so many days from now, and waits until everybody has noticed. */
  moveTo(days: number): Promise<void>;
}

/** libfaketime reads its file again after this. */
const cacheMs = 10_000;

/**
 * libfaketime is loaded by /etc/ld.so.preload, as certmonger clears its children's environment; that file is seen in a mount namespace of
 * theirs alone.
 */
export function createMovedClock(directory: string): MovedClock {
  const [upper, work, file] = ['etc-upper', 'etc-work', 'faketimerc'].map((name) => path.join(directory, name)) as [string, string, string];
  mkdirSync(upper);
  mkdirSync(work);
  writeFileSync(file, '+0\n');
  writeFileSync(path.join(upper, 'ld.so.preload'), `${library}\n`, { mode: 0o644 });
  symlinkSync(file, path.join(upper, 'faketimerc'));
  const mount = `mount -t overlay overlay -o lowerdir=/etc,upperdir=${upper},workdir=${work} /etc && exec "$@"`;
  return {
    command: (program, args) => ['unshare', ['--mount', '--propagation', 'private', 'sh', '-c', mount, 'sh', program, ...args]],
    environment: { DONT_FAKE_MONOTONIC: '1' },
    async moveTo(days) {
      writeFileSync(file, `${days < 0 ? '-' : '+'}${String(Math.abs(days))}d\n`);
      await sleep(cacheMs + 1000);
    },
  };
}
