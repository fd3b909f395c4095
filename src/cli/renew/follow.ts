import { setTimeout as sleep } from 'node:timers/promises';
import type { Certmonger } from '../../../dbus/certmonger.js';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import { readsTheOld, standingOf, type Standing } from '../../tracking/standing.js';
import { createAsker } from '../../tracking/unseen-token.js';

export interface FollowOptions {
  readonly certmonger: Certmonger;
  readonly id: string;
  /** PEM held before. */
  readonly before: string | undefined;
  readonly until: Date;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  /** Told at each look. */
  readonly onLook: (request: TrackingRequest) => void | Promise<void>;
}

const pollMs = 1000;

/**
 * Watches a request until it is renewed, has failed, or the time is over. Looks at every signal of certmonger, and each second because
 * signals get lost.
 */
export async function follow(options: FollowOptions): Promise<{ readonly standing: Standing; readonly request: TrackingRequest }> {
  const { certmonger, id, before, until, now, signal, onLook } = options;
  let readAnew = false;
  const askedAgain = createAsker(certmonger, signal);
  let wake = new AbortController();
  const stop = await certmonger.onChange(() => {
    wake.abort();
  });
  try {
    for (;;) {
      const request = await certmonger.request(id).read();
      const standing = standingOf(before, request);
      if (!readAnew && readsTheOld(before, request)) {
        readAnew = true;
        await certmonger.request(id).readAnew();
        continue;
      }
      if (await askedAgain(request)) continue;
      if (standing !== 'under way' || now() >= until || signal.aborted) return { standing, request };
      await onLook(request);
      wake = new AbortController();
      await sleep(pollMs, undefined, { signal: AbortSignal.any([wake.signal, signal]) }).catch(() => undefined);
    }
  } finally {
    stop();
  }
}
