import { setTimeout as sleep } from 'node:timers/promises';
import { HsmongerError } from '../src/errors.js';
import type { Certmonger } from './certmonger.js';
import type { TrackingRequest } from './tracking-request.js';

export interface WaitOptions {
  /** Milliseconds; BUS_TIMEOUT when nothing was decided by then. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Reads again at least this often: certmonger signals not every change. Default 2 000 ms. */
  readonly everyMs?: number;
}

/**
 * Reads the request again at every change until `decide` gives an answer. A certmonger that restarts meanwhile is waited for; a
 * request that is gone, or a bus, is not.
 */
export async function waitForRequest<T>(
  certmonger: Certmonger,
  nickname: string,
  decide: (request: TrackingRequest) => T | undefined,
  options: WaitOptions,
): Promise<T> {
  const { timeoutMs, everyMs = 2000 } = options;
  const end = Date.now() + timeoutMs;
  let wake = new AbortController();
  const stop = await certmonger.onChange(() => {
    wake.abort();
  });
  try {
    for (let last = 'not seen yet'; ;) {
      wake = new AbortController();
      const request = await readUnlessRestarting(certmonger, nickname);
      const decided = request === undefined ? undefined : decide(request);
      if (decided !== undefined) return decided;
      last = request?.status ?? last;
      if (Date.now() >= end) {
        throw new HsmongerError(
          'BUS_TIMEOUT',
          `The request '${nickname}' did not get where it should within ${String(timeoutMs / 1000)} s; its state was ${last}. 'hsmonger status' shows how it goes on.`,
        );
      }
      const ends = [wake.signal, certmonger.closed, ...(options.signal === undefined ? [] : [options.signal])];
      await sleep(Math.min(everyMs, Math.max(1, end - Date.now())), undefined, { signal: AbortSignal.any(ends) }).catch(() => undefined);
      certmonger.closed.throwIfAborted();
      options.signal?.throwIfAborted();
    }
  } finally {
    stop();
  }
}

async function readUnlessRestarting(certmonger: Certmonger, nickname: string): Promise<TrackingRequest | undefined> {
  try {
    return await certmonger.request(nickname).read();
  } catch (error) {
    if (error instanceof HsmongerError && error.code === 'CERTMONGER_UNAVAILABLE') return undefined;
    throw error;
  }
}
