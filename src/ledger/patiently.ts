import { setTimeout as sleep } from 'node:timers/promises';
import { HsmongerError } from '../errors.js';

const pauseMs = 25;

/**
 * Opens a database into which others write all the time, which SQLite itself waits for no longer than openDatabase() says; tries until
 * `patienceMs` are over (STATE_BUSY after that).
 */
export async function patiently<T>(open: () => T, patienceMs: number): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      return open();
    } catch (error) {
      if (!(error instanceof HsmongerError && error.code === 'STATE_BUSY') || Date.now() >= deadline) throw error;
    }
    await sleep(pauseMs);
  }
}
