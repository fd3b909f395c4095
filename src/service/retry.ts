import path from 'node:path';
import { directoryFlags } from '../config/directories.js';
import type { InstanceSite } from '../config/instance.js';
import { sentenceOf } from '../errors.js';
import { installation } from '../platform/installation.js';
import type { run } from '../platform/run.js';

/**
 * Has a transient systemd timer finish savings after so many seconds, unless one waits already. Where there is no systemd, the next hook or
 * `hsmonger renew` does it: says whether a timer stands now. Needs root.
 */
export async function scheduleRetry(place: InstanceSite, seconds: number, execute: typeof run): Promise<boolean> {
  const prefix = `hsmonger-retry:${place.instance.name}:`;
  try {
    // One that has elapsed is the one we may be run by.
    const { stdout } = await execute('systemctl', ['list-units', '--plain', '--no-legend', '--state=waiting', `${prefix}*.timer`]);
    if (stdout.trim() !== '') return true;
    await resumeAfter(place, seconds, { prefix, description: 'Finishes what hsmonger could not save yet' }, execute);
    return true;
  } catch (error) {
    process.stderr.write(
      `hsmonger: No timer finishes what is left of '${place.instance.name}'; the next hook or 'hsmonger renew' does: ${sentenceOf(error)}\n`,
    );
    return false;
  }
}

/**
 * Sets a timer that finishes what is left should we be killed, unless one stands for the request already: with everything of us dead nobody
 * else would know before the next hook. Not before the guards of stopped units, so that it meets no saving that only takes long. Needs
 * root.
 */
export async function standIn(place: InstanceSite, request: string, execute: typeof run): Promise<void> {
  const prefix = standInPrefix(place, request);
  try {
    const { stdout } = await execute('systemctl', ['list-units', '--plain', '--no-legend', '--state=waiting', `${prefix}*.timer`]);
    if (stdout.trim() !== '') return;
    await resumeAfter(
      place,
      place.instance.saving.guardMinutes * 60,
      { prefix, description: 'Finishes what a killed hsmonger was saving' },
      execute,
    );
  } catch {
    // Without systemd the next hook or `hsmonger renew` does it.
  }
}

/** Takes the request's timer away. One that stays finds nothing to do. */
export async function relieve(place: InstanceSite, request: string, execute: typeof run): Promise<void> {
  await execute('systemctl', ['stop', `${standInPrefix(place, request)}*.timer`]).catch(() => undefined);
}

/** Neither an instance's name nor a request's id holds a colon, so one request's pattern never matches another's. */
const standInPrefix = ({ instance }: InstanceSite, request: string) => `hsmonger-unfinished:${instance.name}:${request}:`;

async function resumeAfter(
  { instance, directories }: InstanceSite,
  seconds: number,
  { prefix, description }: { readonly prefix: string; readonly description: string },
  execute: typeof run,
): Promise<void> {
  const unit = `${prefix}${String(process.pid)}-${Date.now().toString(36)}`;
  const program = path.join(installation().executables, 'hsmonger-post-save');
  const command = [program, '--resume', '--instance', instance.name, ...directoryFlags(directories)];
  await execute('systemd-run', [
    `--unit=${unit}`,
    `--on-active=${String(seconds)}s`,
    '--timer-property=AccuracySec=1s',
    `--description=${description} (${instance.name})`,
    ...command,
  ]);
}
