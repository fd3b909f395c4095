import { run } from '../platform/run.js';
import type { Part } from './instances/instance-context.js';
import type { Log } from './log.js';
import { sentenceOf } from '../errors.js';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Tells systemd (sd_notify(3)) that the agent is alive, as often as its unit wants to know, while `alive` holds: that this timer fires
 * proves the event loop, `alive` the rest. By systemd-notify: Node.js has no datagram sockets. It waits until systemd has read it, so the
 * unit is still known.
 */
export function startBeat({
  env,
  alive,
  log,
  signal,
}: {
  readonly env: Env;
  readonly alive: () => boolean;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Part {
  const everyMs = Number(env['WATCHDOG_USEC'] ?? 0) / 1000 / 3;
  const mine = env['WATCHDOG_PID'] === undefined || env['WATCHDOG_PID'] === String(process.pid);
  if (env['NOTIFY_SOCKET'] === undefined || !(everyMs > 0) || !mine) return { ended: Promise.resolve() };
  let said = false;
  const beat = () => {
    if (alive()) {
      said = false;
      void notify(env, 'WATCHDOG=1', log);
    } else if (!said) {
      said = true;
      log(
        'error',
        'Nothing was heard of certmonger or of the bus for minutes, not even that they are away: the agent hangs, and systemd will restart it.',
      );
    }
  };
  const timer = setInterval(beat, everyMs);
  beat();
  return {
    ended: new Promise((resolve) => {
      signal.addEventListener(
        'abort',
        () => {
          clearInterval(timer);
          resolve();
        },
        { once: true },
      );
    }),
  };
}

/** One state for systemd, such as 'STATUS=…'; nothing where it is not systemd that started us. */
export async function notify(env: Env, state: string, log: Log): Promise<void> {
  const socket = env['NOTIFY_SOCKET'];
  if (socket === undefined) return;
  try {
    await run('systemd-notify', [state], { env: { NOTIFY_SOCKET: socket }, timeoutMs: 10_000 });
  } catch (error) {
    log('warning', `systemd could not be told ${state}: ${sentenceOf(error)}`);
  }
}
