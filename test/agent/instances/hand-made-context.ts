import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { InstanceContext } from '../../../src/agent/instances/instance-context.js';
import { createEvents, type AgentEvent } from '../../../src/agent/report/events.js';
import type { RequestCache, RequestChange, CachedRequest } from '../../../src/agent/requests/request-cache.js';
import { loadAgentConf } from '../../../src/config/agent-conf.js';
import type { Probe } from '../../../src/diagnosis/probe.js';

/** A request cache that lists all requests again and again, and believes no signal. */
export function listingPicture(list: () => Promise<readonly TrackingRequest[]>, everyMs: number, signal: AbortSignal): RequestCache {
  const listeners = new Set<(change: RequestChange) => void>();
  let cachedRequests: readonly CachedRequest[] | undefined;
  const look = async () => {
    const before = cachedRequests;
    const read = await list();
    const present = read.map((request): CachedRequest => {
      const old = before?.find((one) => one.request.nickname === request.nickname);
      if (old !== undefined && isDeepStrictEqual(old.request, request)) return old;
      const atMs = performance.now();
      return {
        request,
        sinceMs: old?.request.status === request.status ? old.sinceMs : atMs,
        trail: [...(old?.trail ?? []), { status: request.status, atMs }].slice(-32),
      };
    });
    cachedRequests = present;
    const tell = (change: RequestChange) => {
      for (const listener of [...listeners])
        queueMicrotask(() => {
          listener(change);
        });
    };
    if (before === undefined) tell({ kind: 'certmonger', running: true });
    for (const id of new Set([...(before ?? []), ...present].map(({ request }) => request.nickname))) {
      const [old, now] = [before, present].map((all) => all?.find(({ request }) => request.nickname === id));
      if (old !== now) tell({ kind: 'request', id, ...(old === undefined ? {} : { before: old }), ...(now === undefined ? {} : { now }) });
    }
  };
  void (async () => {
    while (!signal.aborted) {
      await look().catch(() => undefined);
      await sleep(everyMs);
    }
  })();
  return {
    requests: () => cachedRequests,
    request: (id) => cachedRequests?.find(({ request }) => request.nickname === id),
    trouble: () => undefined,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refresh: look,
  };
}

/** Says what it is told to have seen. */
export function toldProber(probe: Probe | undefined): InstanceContext['prober'] & { tell(probe: Probe | undefined): void } {
  const listeners = new Set<(probe: Probe) => void>();
  let latest = probe;
  return {
    tell(next) {
      latest = next;
      if (next !== undefined) for (const listener of listeners) listener(next);
    },
    latest: () => latest,
    onProbe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    look: () => (latest === undefined ? Promise.reject(new Error('nothing to see')) : Promise.resolve(latest)),
    prove: () => Promise.resolve(),
    signatures: () => 0,
  };
}

export const wellProbe = (): Probe => ({
  at: new Date(),
  token: { state: 'present', pin: 'fine', login: { state: 'proven', source: 'file' }, keys: {} },
});

export interface HandMadeCare {
  readonly context: InstanceContext;
  readonly lines: string[];
  readonly told: AgentEvent[];
  end(): void;
}

/** What a part is given, with everything it says kept. */
export function handMadeCare({
  list,
  everyMs = 100,
  ...given
}: Pick<InstanceContext, 'instance' | 'directories' | 'certmonger' | 'prober' | 'clock'> & {
  readonly list: () => Promise<readonly TrackingRequest[]>;
  readonly everyMs?: number;
}): HandMadeCare {
  const stopping = new AbortController();
  const events = createEvents();
  const lines: string[] = [];
  const told: AgentEvent[] = [];
  events.on((event) => told.push(event));
  const context: InstanceContext = {
    ...given,
    conf: loadAgentConf({ config: '/nonexistent' }),
    instances: [given.instance],
    requestCache: listingPicture(list, everyMs, stopping.signal),
    events,
    log: (priority, message) => lines.push(`${priority}: ${message}`),
    signal: stopping.signal,
  };
  return {
    context,
    lines,
    told,
    end: () => {
      stopping.abort();
    },
  };
}

/** `clues`: what else to say where it does not become so. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  patienceMs = 25_000,
  clues: () => readonly string[] = () => [],
): Promise<void> {
  for (const end = Date.now() + patienceMs; !(await holds()); await sleep(50))
    if (Date.now() > end) throw new Error([`Not within ${String(patienceMs / 1000)} s: ${what}`, ...clues()].join('\n'));
}
