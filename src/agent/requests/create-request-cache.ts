import type { Certmonger } from '../../../dbus/certmonger.js';
import { pooled } from '../../../dbus/pooled.js';
import { restingState } from '../../../dbus/states.js';
import { sentenceOf } from '../../errors.js';
import { createBackOff } from '../timing/back-off.js';
import { createWaker } from '../timing/waker.js';
import type { CertmongerLink, LinkChange } from '../certmonger-link.js';
import { createTroubleLog, type Log } from '../log.js';
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

/** What holds for one run of the daemon: object paths are dealt anew by the next. */
interface Run {
  readonly daemon: string;
  /** Request ids by path. */
  readonly ids: Map<string, string>;
  /** Of the last readings, by path. */
  readonly digests: Map<string, string>;
  /** By the CA's path; made anew with each listing, as a CA may go and another come. */
  caNickname: (path: string) => Promise<string | undefined>;
}

/**
 * Keeps the cache current until the signal. One loop reads, so a request is never read twice at a time; what is heard while it reads is
 * read after that. Nothing depends on a signal's arrival: what was missed is found at the next tick, listing or turn of the poll schedule.
 */
export function createRequestCache({ certmonger, log, signal, pace = usualPace }: RequestCacheGiven): LiveRequestCache {
  const now = () => performance.now();
  const cachedRequests = createCachedRequests(now);
  const schedule = createPollSchedule(pace, now());
  const listeners = new Set<(change: RequestChange) => void>();
  const told = createTroubleLog(log);
  const retry = createBackOff(pace.retry);
  let run: Run | undefined;
  /** Counts what voids a reading under way. */
  let epoch = 0;
  let heardPaths = new Set<string>();
  let waiting: (() => void)[] = [];
  let trouble: string | undefined = 'certmonger was not asked for its requests yet.';
  let listedMs = -Infinity;
  let tickedMs = now();
  let aliveMs = now();
  let listWanted = false;
  const waker = createWaker(signal);
  const settled = createWaker(signal);

  const tell = (change: RequestChange | undefined) => {
    if (change === undefined) return;
    for (const listener of [...listeners])
      queueMicrotask(() => {
        listener(change);
      });
  };
  const lose = (why: string) => {
    epoch += 1;
    heardPaths.clear();
    const had = run !== undefined;
    run = undefined;
    trouble = why;
    if (had) tell({ kind: 'certmonger', running: false });
  };

  const readAll = async (connected: Certmonger) => {
    const begun = epoch;
    heardPaths.clear();
    listWanted = false;
    const { daemon, paths } = await connected.requestPlaces();
    const caNickname = caNicknames(connected);
    const readings = await readEach(connected, { daemon, caNickname, digests: new Map() }, paths);
    if (epoch !== begun) return;
    const known: Run = { daemon, ids: new Map(), digests: new Map(), caNickname };
    // A restart nobody told of: it went before it came.
    if (run !== undefined) tell({ kind: 'certmonger', running: false });
    run = known;
    trouble = undefined;
    listedMs = now();
    schedule.clear(now());
    tell({ kind: 'certmonger', running: true });
    const present = new Set(readings.map(({ reading }) => (typeof reading === 'object' ? reading.request.nickname : undefined)));
    for (const { request } of cachedRequests.all()) if (!present.has(request.nickname)) tell(cachedRequests.drop(request.nickname));
    for (const reading of readings) take(known, reading);
    told.over(`certmonger answers again; it has ${String(cachedRequests.all().length)} requests.`);
  };

  const readSome = async (connected: Certmonger, known: Run) => {
    const begun = epoch;
    const heard = heardPaths;
    heardPaths = new Set();
    const turn = now() - tickedMs >= pace.tickMs;
    const due = turn ? schedule.due(now()) : [];
    if (turn) tickedMs = now();
    if (listWanted || now() - listedMs >= pace.listMs || [...heard].some((path) => !known.ids.has(path))) {
      listWanted = false;
      const { daemon, paths } = await connected.requestPlaces();
      // Another run, and neither its coming nor the other's going was heard.
      if (daemon !== known.daemon) return readAll(connected);
      if (epoch !== begun) return;
      listedMs = now();
      known.caNickname = caNicknames(connected);
      const present = new Set(paths);
      for (const path of known.ids.keys()) if (!present.has(path)) forget(known, path);
      for (const path of paths) if (!known.ids.has(path)) heard.add(path);
      for (const path of heard) if (!present.has(path)) heard.delete(path);
    }
    const readings = await readEach(connected, known, [...new Set([...heard, ...due])]);
    if (epoch !== begun) return;
    for (const reading of readings) take(known, reading);
  };

  const readEach = (connected: Certmonger, { daemon, caNickname, digests }: Omit<Run, 'ids'>, paths: readonly string[]) =>
    pooled(paths, async (path) => {
      const reading = await connected.readAt({ daemon, path }, caNickname, digests.get(path));
      aliveMs = now();
      return { path, reading };
    });

  const take = (known: Run, { path, reading }: Awaited<ReturnType<typeof readEach>>[number]) => {
    if (reading === undefined) {
      forget(known, path);
      return;
    }
    if (reading === 'same') {
      schedule.read(path, cachedRequests.get(known.ids.get(path) ?? '')?.request.status === restingState, now());
      return;
    }
    const { request, digest } = reading;
    // modify gives a request another id too.
    if (known.ids.get(path) !== undefined && known.ids.get(path) !== request.nickname) forget(known, path);
    known.ids.set(path, request.nickname);
    known.digests.set(path, digest);
    schedule.read(path, request.status === restingState, now());
    tell(cachedRequests.put(request));
  };
  const forget = (known: Run, path: string) => {
    const id = known.ids.get(path);
    schedule.forget(path);
    known.ids.delete(path);
    known.digests.delete(path);
    // Unless another has taken its id meanwhile.
    if (id !== undefined && ![...known.ids.values()].includes(id)) tell(cachedRequests.drop(id));
  };

  /** Gives the milliseconds until the next where nothing is heard. */
  const round = async (): Promise<number> => {
    const asked = waiting;
    waiting = [];
    try {
      await certmonger.use((connected) => (run === undefined ? readAll(connected) : readSome(connected, run)));
      retry.reset();
      return run === undefined ? 0 : Math.max(0, Math.min(tickedMs + pace.tickMs, listedMs + pace.listMs) - now());
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
    requests: () => (run === undefined ? undefined : cachedRequests.all()),
    request: (id) => (run === undefined ? undefined : cachedRequests.get(id)),
    trouble: () => trouble,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refresh(id) {
      if (signal.aborted) return Promise.resolve();
      const path = id === undefined ? undefined : cachedRequests.get(id)?.request.path;
      if (id === undefined) for (const known of run?.ids.keys() ?? []) heardPaths.add(known);
      else if (path !== undefined) heardPaths.add(path);
      if (path === undefined) listWanted = true;
      return new Promise((resolve) => {
        waiting.push(resolve);
        waker.wake();
      });
    },
    heard(change) {
      switch (change.kind) {
        case 'saved':
        case 'properties':
          heardPaths.add(change.path);
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

/** CAs are read when the first request names one, and again where a path is not among them. */
function caNicknames(connected: Certmonger): Run['caNickname'] {
  const list = async () => new Map((await connected.listCas()).map(({ path, nickname }) => [path, nickname]));
  let cas: ReturnType<typeof list> | undefined;
  return async (path) => {
    const mine = (cas ??= list());
    const found = (await mine).get(path);
    if (found !== undefined) return found;
    if (cas === mine) cas = list();
    return (await cas).get(path);
  };
}
