import type { Instance } from '../config/instance.js';
import { sentenceOf } from '../errors.js';
import { holdRenewalLock } from '../freeipa/renewal-lock.js';
import type { run } from '../platform/run.js';
import { restartServer, startServer, stopServer, type Stopped } from '../renewal/server.js';

interface Means {
  readonly run: typeof run;
  readonly tell: (sentence: string) => Promise<void> | void;
  /** How long others may keep FreeIPA's renewal lock, milliseconds. Default: as long as eight savings, one after the other, take. */
  readonly lockMs?: number;
  /** Where no FreeIPA has one: the lock of those who change this unit's CS.cfg. */
  readonly lockFile?: (unit: string) => string;
}

const defaultLockMs = 600_000;

/**
 * Runs `work` while the PKI server is stopped and starts it again whatever happens. Where it cannot be stopped, `work` is told so, and the
 * server restarted: certificates are saved all the same. A server that does not come up is an error of its own once `work` has succeeded.
 * On a FreeIPA server all of it is under FreeIPA's renewal lock, as its own renew_ca_cert is: no other saving starts the server while
 * CS.cfg is changed, and nobody asks a CA that is down. Elsewhere under a lock of the same kind that is the unit's. RENEWAL_LOCKED when
 * others do not give it up.
 */
export async function whileServerStopped<T>(
  instance: Instance,
  means: Means,
  work: (serverRuns: string | undefined) => Promise<T>,
): Promise<T> {
  const file = lockFileOf(instance, means);
  const lock =
    file === undefined
      ? undefined
      : await holdRenewalLock(file, `hsmonger[${String(process.pid)}]`, { waitMs: means.lockMs ?? defaultLockMs });
  try {
    return await stoppedFor(instance, means, work);
  } finally {
    lock?.release();
  }
}

/** Gone with the boot, as the processes are that held it. */
const ownLockFile = (unit: string) => `/run/hsmonger.${unit}.lock`;

function lockFileOf({ freeipa, pki }: Instance, { lockFile = ownLockFile }: Means): string | undefined {
  return freeipa?.lockFile ?? (pki?.unit === undefined ? undefined : lockFile(pki.unit));
}

async function stoppedFor<T>(instance: Instance, { run, tell }: Means, work: (serverRuns: string | undefined) => Promise<T>): Promise<T> {
  let stopped: Stopped | undefined;
  let serverRuns: string | undefined;
  try {
    stopped = await stopServer(instance, run);
    serverRuns = stopped?.trouble;
  } catch (error) {
    serverRuns = sentenceOf(error);
  }
  if (serverRuns !== undefined) {
    serverRuns = `It could not be stopped: ${serverRuns}`;
    await tell(`The PKI server '${instance.pki?.unit ?? ''}' is not stopped for the saving. ${serverRuns}`);
  }
  const start = async () => {
    if (stopped !== undefined) await startServer(stopped, run);
    else if (serverRuns !== undefined) await restartServer(instance, run);
  };
  let result: T;
  try {
    result = await work(serverRuns);
  } catch (error) {
    try {
      await start();
    } catch (trouble) {
      await tell(`The PKI server could not be started: ${sentenceOf(trouble)}`);
    }
    throw error;
  }
  await start();
  return result;
}
