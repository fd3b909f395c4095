import { isDeepStrictEqual } from 'node:util';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { RequestChange, CachedRequest } from './request-cache.js';

/** What is known of each request, by id. Each reading gives the change it makes, undefined where it makes none. */
export interface CachedRequests {
  put(request: TrackingRequest): RequestChange | undefined;
  drop(id: string): RequestChange | undefined;
  get(id: string): CachedRequest | undefined;
  /** The same array as long as nothing changed. */
  all(): readonly CachedRequest[];
}

const mostStates = 32;

/** `now` is performance.now(). */
export function createCachedRequests(now: () => number): CachedRequests {
  const known = new Map<string, CachedRequest>();
  let list: readonly CachedRequest[] | undefined;
  return {
    put(request) {
      const id = request.nickname;
      const before = known.get(id);
      if (before !== undefined && isDeepStrictEqual(before.request, request)) return undefined;
      const cached = cachedRequestOf(request, before, now());
      known.set(id, cached);
      list = undefined;
      // The path alone: certmonger was restarted, the request is what it was.
      if (before !== undefined && isDeepStrictEqual({ ...before.request, path: request.path }, request)) return undefined;
      return { kind: 'request', id, ...(before === undefined ? {} : { before }), now: cached };
    },
    drop(id) {
      const before = known.get(id);
      if (before === undefined) return undefined;
      known.delete(id);
      list = undefined;
      return { kind: 'request', id, before };
    },
    get: (id) => known.get(id),
    all: () => (list ??= [...known.values()]),
  };
}

function cachedRequestOf(request: TrackingRequest, before: CachedRequest | undefined, atMs: number): CachedRequest {
  if (before?.request.status === request.status) return { ...before, request };
  const trail = [...(before?.trail ?? []), { status: request.status, atMs }];
  return { request, sinceMs: atMs, trail: trail.slice(-mostStates) };
}
