import path from 'node:path';
import { directoryFlags } from '../config/directories.js';
import type { Directories, Instance } from '../config/instance.js';
import { installation } from '../platform/installation.js';
import type { run } from '../platform/run.js';

interface Place {
  readonly instance: Instance;
  readonly directories: Directories;
}

/**
 * Has a transient systemd timer finish savings after so many seconds, unless one waits already. Where there is no systemd, the next hook or
 * `hsmonger renew` does it: says whether a timer stands now. Needs root.
 */
export async function scheduleRetry(place: Place, seconds: number, execute: typeof run): Promise<boolean> {
  const prefix = `hsmonger-retry:${place.instance.name}:`;
  try {
    // One that has elapsed is the one we may be run by.
    const { stdout } = await execute('systemctl', ['list-units', '--plain', '--no-legend', '--state=waiting', `${prefix}*.timer`]);
    if (stdout.trim() !== '') return true;
    await resumeAfter(place, seconds, { prefix, description: 'Finishes what hsmonger could not save yet' }, execute);
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs `work` with a timer behind it that finishes what is left should this process be killed: with everything of it dead nobody else would know
 * before the next hook. Not before the guards of stopped units, so that it meets no saving that only takes long. Needs root.
 */
export async function whileStandingIn<T>(place: Place, execute: typeof run, work: () => Promise<T>): Promise<T> {
  const { instance } = place;
  const timer = await resumeAfter(place, instance.saving.guardMinutes * 60, { prefix: `hsmonger-unfinished:${instance.name}:`, description: 'Finishes what a killed hsmonger was saving' }, execute).catch(() => undefined);
  try {
    return await work();
  } finally {
    // Left over, it finds nothing to do.
    if (timer !== undefined) await execute('systemctl', ['stop', timer]).catch(() => undefined);
  }
}

/** Gives the timer's name. */
async function resumeAfter({ instance, directories }: Place, seconds: number, { prefix, description }: { readonly prefix: string; readonly description: string }, execute: typeof run): Promise<string> {
  const unit = `${prefix}${String(process.pid)}-${Date.now().toString(36)}`;
  const program = path.join(installation().executables, 'hsmonger-post-save');
  const command = [program, '--resume', '--instance', instance.name, ...directoryFlags(directories)];
  await execute('systemd-run', [`--unit=${unit}`, `--on-active=${String(seconds)}s`, '--timer-property=AccuracySec=1s', `--description=${description} (${instance.name})`, ...command]);
  return `${unit}.timer`;
}
