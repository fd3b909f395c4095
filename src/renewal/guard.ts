import type { Instance } from '../config/instance.js';
import type { run } from '../platform/run.js';

type Run = typeof run;

/**
 * Stops the unit named as `saving.stop`, when it runs, and only after a guard is in place: a transient systemd timer that starts it
 * again after `guardMinutes` even when everything of ours is killed (design rule 7: certmonger never runs post-save when saving
 * fails). Says whether it stopped something. Needs root.
 */
export async function stopGuarded({ name, saving }: Instance, run: Run): Promise<boolean> {
  if (saving.stop === undefined || !(await isActive(saving.stop, run))) return false;
  // A name of its own each time: an earlier guard is never taken away before the new one stands.
  const guard = `${guardPrefix(name)}${String(process.pid)}-${Date.now().toString(36)}`;
  await run('systemd-run', [
    `--unit=${guard}`,
    `--on-active=${String(saving.guardMinutes)}min`,
    '--timer-property=AccuracySec=1s',
    `--description=Starts ${saving.stop} again after hsmonger stopped it`,
    'systemctl',
    'start',
    saving.stop,
  ]);
  await run('systemctl', ['stop', saving.stop], { timeoutMs: 180_000 });
  return true;
}

/** Starts what stopGuarded() stopped, then takes the guards away. Does nothing when there is none: then nothing of ours is stopped. */
export async function startGuarded({ name, saving }: Instance, run: Run): Promise<boolean> {
  if (saving.stop === undefined) return false;
  const guards = `${guardPrefix(name)}*.timer`;
  const { stdout } = await run('systemctl', ['list-units', '--all', '--plain', '--no-legend', guards]);
  if (stdout.trim() === '') return false;
  await run('systemctl', ['start', saving.stop], { timeoutMs: 300_000 });
  await run('systemctl', ['stop', guards]);
  return true;
}

/** Restarts the unit named as `saving.restart`; not needed when starting it was what brought it up just now. */
export async function restartUnit({ saving }: Instance, startedNow: boolean, run: Run): Promise<void> {
  if (saving.restart === undefined || (startedNow && saving.restart === saving.stop)) return;
  await run('systemctl', ['restart', saving.restart], { timeoutMs: 300_000 });
}

/** No instance name holds a colon, so the pattern of one instance never matches another's guards. */
function guardPrefix(instance: string): string {
  return `hsmonger-guard:${instance}:`;
}

async function isActive(unit: string, run: Run): Promise<boolean> {
  // systemctl(1): 0 active, 3 not active, 4 no such unit.
  const { exitCode } = await run('systemctl', ['is-active', '--quiet', unit], { okExitCodes: [0, 3, 4] });
  return exitCode === 0;
}
