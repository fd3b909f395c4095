import { sentenceOf } from '../../errors.js';
import { createBackOff } from '../timing/back-off.js';
import { createWaker } from '../timing/waker.js';
import type { CertmongerLink, LinkChange } from '../certmonger-link.js';
import { createTroubleLog, type Log } from '../log.js';
import { createRequestReader } from './read-requests.js';
import type { RequestCache, RequestChange } from './request-cache.js';
import { createPollSchedule, type PollPace } from './poll-schedule.js';
import { createCachedRequests } from './cached-requests.js';

/** Milliseconds. */
export interface RefreshPace extends PollPace {
  /** Between two looks for requests added and removed: certmonger has no signal for them. */
  readonly listMs: number;
  /** Between two turns at which something is read though nothing was heard. */
  readonly tickMs: number;
  /** Signals come in swarms: what comes so soon after the last reading is read together. */
  readonly settleMs: number;
  readonly retry: { readonly firstMs: number; readonly mostMs: number };
}

export const usualPace: RefreshPace = {
  listMs: 60_000,
  tickMs: 10_000,
  restlessMs: 9000,
  allMs: 540_000,
  restlessAtOnce: 64,
  atOnce: 16,
  settleMs: 100,
  retry: { firstMs: 500, mostMs: 10_000 },
};

export interface RequestCacheGiven {
  readonly certmonger: Pick<CertmongerLink, 'use'>;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly pace?: RefreshPace;
}

export interface LiveRequestCache extends RequestCache {
  /** To be told what the link hears, all of it. */
  heard(change: LinkChange): void;
  /** Of performance.now(): when it last turned to certmonger, or got an answer. It does so every few seconds, whatever certmonger does. */
  aliveMs(): number;
  readonly ended: Promise<void>;
}

/**
 * Keeps the cache current until the signal. One loop reads, so a request is never read twice at a time; what is heard while it reads is
 * read after that. Nothing depends on a signal's arrival: what was missed is found at the next tick, listing or turn of the poll schedule.
 */
export function createRequestCache({ certmonger, log, signal, pace = usualPace }: RequestCacheGiven): LiveRequestCache {
  const now = () => performance.now();
  const cached = createCachedRequests(now);
  const listeners = new Set<(change: RequestChange) => void>();
  const told = createTroubleLog(log);
  const retry = createBackOff(pace.retry);
  let waiting: (() => void)[] = [];
  let trouble: string | undefined = 'certmonger was not asked for its requests yet.';
  let aliveMs = now();
  const waker = createWaker(signal);
  const settled = createWaker(signal);
  const reader = createRequestReader({
    pace,
    cached,
    schedule: createPollSchedule(pace, now()),
    now,
    onChange: (change) => {
      for (const listener of [...listeners])
        queueMicrotask(() => {
          listener(change);
        });
    },
    onComplete: () => {
      trouble = undefined;
      told.over(`certmonger answers again; it has ${String(cached.all().length)} requests.`);
    },
    onAnswer: () => {
      aliveMs = now();
    },
  });
  const lose = (why: string) => {
    trouble = why;
    reader.lose();
  };

  /** Gives the milliseconds until the next where nothing is heard. */
  const round = async (): Promise<number> => {
    const asked = waiting;
    waiting = [];
    try {
      await certmonger.use((connected) => reader.read(connected));
      retry.reset();
      return reader.dueInMs();
    } catch (error) {
      lose(sentenceOf(error));
      if (!signal.aborted) told.trouble(sentenceOf(error));
      return retry.next();
    } finally {
      for (const done of asked) done();
    }
  };

  const work = async () => {
    while (!signal.aborted) {
      waker.reset();
      aliveMs = now();
      const pauseMs = await round();
      aliveMs = now();
      await settled.sleep(Math.min(pauseMs, pace.settleMs));
      await waker.sleep(pauseMs - pace.settleMs);
    }
    for (const done of waiting) done();
    waiting = [];
  };

  return {
    requests: () => (reader.running() ? cached.all() : undefined),
    request: (id) => (reader.running() ? cached.get(id) : undefined),
    trouble: () => trouble,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refresh(id) {
      if (signal.aborted) return Promise.resolve();
      const path = id === undefined ? undefined : cached.get(id)?.request.path;
      if (id === undefined) reader.want('all');
      reader.want(path === undefined ? 'list' : { path });
      return new Promise((resolve) => {
        waiting.push(resolve);
        waker.wake();
      });
    },
    heard(change) {
      switch (change.kind) {
        case 'saved':
        case 'properties':
          reader.want({ path: change.path });
          break;
        case 'daemon':
          lose(
            change.running
              ? 'certmonger has just been started; its requests are being read.'
              : 'certmonger does not run; start it with systemctl start certmonger.',
          );
          retry.reset();
          break;
        case 'bus':
          // A new one is told amid the reading that made it.
          if (change.connected) return;
          lose('The connection to the bus has ended; it is made again.');
          retry.reset();
          break;
      }
      waker.wake();
    },
    aliveMs: () => aliveMs,
    ended: work(),
  };
}
