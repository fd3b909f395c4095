import path from 'node:path';
import { directoryFlags } from '../config/directories.js';
import type { Directories, Instance } from '../config/instance.js';
import { installation } from '../platform/installation.js';
import type { run } from '../platform/run.js';

/**
 * Has a transient systemd timer finish savings after so many seconds, unless one waits already. Where there is no systemd, the next hook or
 * `hsmonger renew` does it: says whether a timer stands now. Needs root.
 */
export async function scheduleRetry({ instance, directories }: { readonly instance: Instance; readonly directories: Directories }, seconds: number, execute: typeof run): Promise<boolean> {
  const prefix = `hsmonger-retry:${instance.name}:`;
  try {
    // One that has elapsed is the one we may be run by.
    const { stdout } = await execute('systemctl', ['list-units', '--plain', '--no-legend', '--state=waiting', `${prefix}*.timer`]);
    if (stdout.trim() !== '') return true;
    const program = path.join(installation().executables, 'hsmonger-post-save');
    await execute('systemd-run', [
      `--unit=${prefix}${String(process.pid)}-${Date.now().toString(36)}`,
      `--on-active=${String(seconds)}s`,
      '--timer-property=AccuracySec=1s',
      `--description=Finishes what hsmonger could not save yet (${instance.name})`,
      program,
      '--resume',
      '--instance',
      instance.name,
      ...directoryFlags(directories),
    ]);
    return true;
  } catch {
    return false;
  }
}
