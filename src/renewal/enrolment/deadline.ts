import path from 'node:path';
import { stateDirectory } from '../../config/directories.js';
import type { Directories, Instance } from '../../config/instance.js';
import { HsmongerError } from '../../errors.js';
import { startWatchdog } from '../../platform/watchdog.js';

/** What `work` gives, or DEADLINE once the helper's time is up; a process that is blocked even then is ended by its watchdog. */
export async function withinDeadline<T>(instance: Instance, directories: Directories, work: () => Promise<T>): Promise<T> {
  const seconds = instance.helper.deadlineSeconds;
  const message = `${whatMayHang(instance)} of instance '${instance.name}' gave no answer within ${String(seconds)} seconds (helper.deadline-seconds); check the HSM and its network.`;
  // Two seconds on: the timer below answers in time unless the main thread itself is blocked.
  const watchdog = startWatchdog(seconds + 2, path.join(stateDirectory(directories, instance), 'watchdog.json'), message);
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_resolve, reject) => {
    // The watchdog stays: a call that hangs in a thread keeps the process from ending even now, and the ledger may be locked by that call.
    timer = setTimeout(() => {
      reject(new HsmongerError('DEADLINE', message));
    }, seconds * 1000);
  });
  const ended = work().finally(() => {
    clearTimeout(timer);
    watchdog.stop();
  });
  return Promise.race([ended, expiry]);
}

function whatMayHang({ issuer, directory }: Instance): string {
  const others = [...(issuer.type === 'dogtag' ? ['the CA'] : []), ...(directory === undefined ? [] : ['the directory'])];
  return others.length === 0 ? 'The token or the ledger' : `The token, the ledger, ${others.join(' or ')}`;
}
