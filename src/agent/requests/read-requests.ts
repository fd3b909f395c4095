import type { Certmonger } from '../../../dbus/certmonger.js';
import { pooled } from '../../../dbus/pooled.js';
import { restingState } from '../../../dbus/states.js';
import type { CachedRequests } from './cached-requests.js';
import type { PollSchedule } from './poll-schedule.js';
import type { RequestChange } from './request-cache.js';

/** Reads certmonger's requests into the cache: all of them once in a run of the daemon, then those that may have changed. */
export interface RequestReader {
  /** Whether all were read once in the run of the daemon that lasts. */
  running(): boolean;
  /** Reads what is to be read now. One call at a time. */
  read(certmonger: Certmonger): Promise<void>;
  /** Milliseconds until something is to be read though nothing was heard. */
  dueInMs(): number;
  /** To be read at the next reading: the request at an object path, all that are known, or the list of them. */
  want(what: { readonly path: string } | 'all' | 'list'): void;
  /** That run of the daemon, or the connection, is over: what is being read does not count. */
  lose(): void;
}

export interface RequestReaderGiven {
  readonly pace: { readonly listMs: number; readonly tickMs: number };
  readonly cached: CachedRequests;
  readonly schedule: PollSchedule;
  /** Of performance.now(). */
  readonly now: () => number;
  readonly onChange: (change: RequestChange) => void;
  /** All were read. */
  readonly onComplete: () => void;
  /** certmonger gave an answer. */
  readonly onAnswer: () => void;
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

export function createRequestReader({ pace, cached, schedule, now, onChange, onComplete, onAnswer }: RequestReaderGiven): RequestReader {
  let run: Run | undefined;
  /** Counts what voids a reading under way. */
  let epoch = 0;
  let wantedPaths = new Set<string>();
  let listWanted = false;
  let listedMs = -Infinity;
  let tickedMs = now();

  const tell = (change: RequestChange | undefined) => {
    if (change !== undefined) onChange(change);
  };

  const readAll = async (connected: Certmonger) => {
    const begun = epoch;
    wantedPaths.clear();
    listWanted = false;
    const { daemon, paths } = await connected.requestPlaces();
    const caNickname = caNicknames(connected);
    const readings = await readEach(connected, { daemon, caNickname, digests: new Map() }, paths);
    if (epoch !== begun) return;
    const known: Run = { daemon, ids: new Map(), digests: new Map(), caNickname };
    // A restart nobody told of: it went before it came.
    if (run !== undefined) tell({ kind: 'certmonger', running: false });
    run = known;
    listedMs = now();
    schedule.clear(now());
    tell({ kind: 'certmonger', running: true });
    const present = new Set(readings.map(({ reading }) => (typeof reading === 'object' ? reading.request.nickname : undefined)));
    for (const { request } of cached.all()) if (!present.has(request.nickname)) tell(cached.drop(request.nickname));
    for (const reading of readings) take(known, reading);
    onComplete();
  };

  const readSome = async (connected: Certmonger, known: Run) => {
    const begun = epoch;
    const wanted = wantedPaths;
    wantedPaths = new Set();
    const turn = now() - tickedMs >= pace.tickMs;
    const due = turn ? schedule.due(now()) : [];
    if (turn) tickedMs = now();
    if (listWanted || now() - listedMs >= pace.listMs || [...wanted].some((path) => !known.ids.has(path))) {
      listWanted = false;
      const { daemon, paths } = await connected.requestPlaces();
      // Another run, and neither its coming nor the other's going was heard.
      if (daemon !== known.daemon) return readAll(connected);
      if (epoch !== begun) return;
      listedMs = now();
      known.caNickname = caNicknames(connected);
      const present = new Set(paths);
      for (const path of known.ids.keys()) if (!present.has(path)) forget(known, path);
      for (const path of paths) if (!known.ids.has(path)) wanted.add(path);
      for (const path of wanted) if (!present.has(path)) wanted.delete(path);
    }
    const readings = await readEach(connected, known, [...new Set([...wanted, ...due])]);
    if (epoch !== begun) return;
    for (const reading of readings) take(known, reading);
  };

  const readEach = (connected: Certmonger, { daemon, caNickname, digests }: Omit<Run, 'ids'>, paths: readonly string[]) =>
    pooled(paths, async (path) => {
      const reading = await connected.readAt({ daemon, path }, caNickname, digests.get(path));
      onAnswer();
      return { path, reading };
    });

  const take = (known: Run, { path, reading }: Awaited<ReturnType<typeof readEach>>[number]) => {
    if (reading === undefined) {
      forget(known, path);
      return;
    }
    if (reading === 'same') {
      schedule.read(path, cached.get(known.ids.get(path) ?? '')?.request.status === restingState, now());
      return;
    }
    const { request, digest } = reading;
    // modify gives a request another id too.
    if (known.ids.get(path) !== undefined && known.ids.get(path) !== request.nickname) forget(known, path);
    known.ids.set(path, request.nickname);
    known.digests.set(path, digest);
    schedule.read(path, request.status === restingState, now());
    tell(cached.put(request));
  };
  const forget = (known: Run, path: string) => {
    const id = known.ids.get(path);
    schedule.forget(path);
    known.ids.delete(path);
    known.digests.delete(path);
    // Unless another has taken its id meanwhile.
    if (id !== undefined && ![...known.ids.values()].includes(id)) tell(cached.drop(id));
  };

  return {
    running: () => run !== undefined,
    read: (connected) => (run === undefined ? readAll(connected) : readSome(connected, run)),
    dueInMs: () => (run === undefined ? 0 : Math.max(0, Math.min(tickedMs + pace.tickMs, listedMs + pace.listMs) - now())),
    want(what) {
      if (what === 'list') listWanted = true;
      else if (what === 'all') for (const path of run?.ids.keys() ?? []) wantedPaths.add(path);
      else wantedPaths.add(what.path);
    },
    lose() {
      epoch += 1;
      wantedPaths.clear();
      const had = run !== undefined;
      run = undefined;
      if (had) tell({ kind: 'certmonger', running: false });
    },
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
