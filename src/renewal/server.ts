import { existsSync } from 'node:fs';
import type { Instance } from '../config/instance.js';
import { HsmongerError, sentenceOf } from '../errors.js';
import type { run } from '../platform/run.js';

type Run = typeof run;

/** A server that was stopped and is to be started again by whoever has this. */
export interface Stopped {
  readonly unit: string;
  /** The transient timers that start it if nobody else does: ours, and those of killed processes. */
  readonly guards: readonly string[];
  /** Why it may run all the same, as a sentence: it was told to stop and has not said that it did. */
  readonly trouble?: string;
}

/**
 * Stops the PKI server (`pki.unit`), once a transient timer stands that starts it again whatever becomes of us (design rule 7). One that
 * somebody has stopped on purpose stays stopped: then, and where none is configured, there is nothing to start afterwards. Needs root.
 */
export async function stopServer({ name, pki, saving }: Instance, run: Run): Promise<Stopped | undefined> {
  if (pki?.unit === undefined) return undefined;
  const { unit } = pki;
  const state = await stateOf(unit, run);
  // Stopped by another process of ours, alive or not, it is ours to start as well.
  const others = await guardsOf(name, run);
  if (state === 'inactive' && others.length === 0) return undefined;
  const guard = `${prefixOf(name)}${String(process.pid)}-${Date.now().toString(36)}`;
  await run('systemd-run', [
    `--unit=${guard}`,
    `--on-active=${String(saving.guardMinutes)}min`,
    '--timer-property=AccuracySec=1s',
    `--description=Starts ${unit} again after hsmonger stopped it`,
    'systemctl',
    'start',
    unit,
  ]);
  const stopped = { unit, guards: [`${guard}.timer`, ...others.filter(isAbandoned)] };
  if (state !== 'active') return stopped;
  try {
    await run('systemctl', ['stop', unit], { timeoutMs: 180_000 });
    return stopped;
  } catch (error) {
    // systemd goes on stopping it after we have given up waiting: from here on it is ours to start.
    return { ...stopped, trouble: sentenceOf(error) };
  }
}

/**
 * Starts it, then takes the guards away; those of a unit that does not come up stay. A restart: another process, or the guard, may have
 * started it while files changed.
 */
export async function startServer({ unit, guards }: Stopped, run: Run): Promise<void> {
  await run('systemctl', ['restart', unit], { timeoutMs: 300_000 });
  await removeGuards(guards, run);
}

/** Starts a server again whose stopper was killed before it could. Says whether there was one. */
export async function startAbandoned({ name, pki }: Instance, run: Run): Promise<boolean> {
  if (pki?.unit === undefined) return false;
  const abandoned = (await guardsOf(name, run)).filter(isAbandoned);
  if (abandoned.length === 0) return false;
  await run('systemctl', ['restart', pki.unit], { timeoutMs: 300_000 });
  await removeGuards(abandoned, run);
  return true;
}

/** systemctl(1): 5, no such unit loaded: a timer that has elapsed is gone by itself, and the server runs. */
async function removeGuards(guards: readonly string[], run: Run): Promise<void> {
  await run('systemctl', ['stop', ...guards], { okExitCodes: [0, 5] });
}

/** Has a server that was not stopped take up what changed; one that somebody has stopped does so when it is started. */
export async function restartServer({ pki }: Instance, run: Run): Promise<void> {
  if (pki?.unit === undefined || (await stateOf(pki.unit, run)) === 'inactive') return;
  await run('systemctl', ['restart', pki.unit], { timeoutMs: 300_000 });
}

/** 'failed': nobody wanted it to be down. */
async function stateOf(unit: string, run: Run): Promise<'active' | 'failed' | 'inactive'> {
  // systemctl(1): 0 active, 3 not active, 4 no such unit.
  const { stdout, exitCode } = await run('systemctl', ['is-active', unit], { okExitCodes: [0, 3, 4] });
  if (exitCode === 4)
    throw new HsmongerError('COMMAND_FAILED', `systemd knows no unit '${unit}'; correct 'pki.unit' in the instance file.`);
  switch (stdout.trim()) {
    case 'inactive':
      return 'inactive';
    case 'failed':
      return 'failed';
    default:
      return 'active';
  }
}

/** No instance name holds a colon, so one instance's pattern never matches another's. */
function prefixOf(instance: string): string {
  return `hsmonger-server:${instance}:`;
}

async function guardsOf(instance: string, run: Run): Promise<string[]> {
  const { stdout } = await run('systemctl', ['list-units', '--all', '--plain', '--no-legend', `${prefixOf(instance)}*.timer`]);
  return stdout.split('\n').flatMap((line) => /^\S+/u.exec(line.trim()) ?? []);
}

/** The process that set it is no more; where another got its number since, the guard does it itself. */
function isAbandoned(timer: string): boolean {
  const owner = /:(?<pid>\d+)-[^:]*$/u.exec(timer)?.groups?.['pid'];
  return owner === undefined || !existsSync(`/proc/${owner}`);
}
