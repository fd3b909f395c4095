import { run } from '../../platform/run.js';

/** Whether systemd starts certmonger at boot; undefined where there is no systemd to ask, or no such unit. */
export async function certmongerEnabled(execute: typeof run = run): Promise<boolean | undefined> {
  try {
    // systemctl(1): 1 for what is not enabled; anything else, and an unknown unit, says it on stderr alone.
    const { stdout } = await execute('systemctl', ['is-enabled', 'certmonger.service'], { okExitCodes: [0, 1], timeoutMs: 10_000 });
    const word = stdout.trim();
    return word === '' || word === 'not-found' ? undefined : word === 'enabled';
  } catch {
    return undefined;
  }
}
