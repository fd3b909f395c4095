import { setTimeout as sleep } from 'node:timers/promises';
import { StillStarting } from './trouble.js';

/** A refused connection costs nothing, and a CA that starts should not be asked often. */
const pauseMs = 2000;

/**
 * Does the work again while the CA is only just starting, for `patienceMs` at most: the hook of the certificate saved before has restarted
 * it, and certmonger's next call would come later than the CA. The work has to be such that it may be done twice.
 */
export async function patiently<T>(patienceMs: number, work: () => Promise<T>): Promise<T> {
  const end = performance.now() + patienceMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StillStarting) || performance.now() + pauseMs > end) throw error;
    }
    await sleep(pauseMs);
  }
}
