import { isDeepStrictEqual } from 'node:util';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { PictureChange, Sighting } from './request-cache.js';

/** What is known of each request, by id. Each reading gives the change it makes, undefined where it makes none. */
export interface Sightings {
  put(request: TrackingRequest): PictureChange | undefined;
  drop(id: string): PictureChange | undefined;
  get(id: string): Sighting | undefined;
  /** The same array as long as nothing changed. */
  all(): readonly Sighting[];
}

const mostStates = 32;

/** `now` is performance.now(). */
export function createSightings(now: () => number): Sightings {
  const known = new Map<string, Sighting>();
  let list: readonly Sighting[] | undefined;
  return {
    put(request) {
      const id = request.nickname;
      const before = known.get(id);
      if (before !== undefined && isDeepStrictEqual(before.request, request)) return undefined;
      const sighting = sightingOf(request, before, now());
      known.set(id, sighting);
      list = undefined;
      // The path alone: certmonger was restarted, the request is what it was.
      if (before !== undefined && isDeepStrictEqual({ ...before.request, path: request.path }, request)) return undefined;
      return { kind: 'request', id, ...(before === undefined ? {} : { before }), now: sighting };
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

function sightingOf(request: TrackingRequest, before: Sighting | undefined, atMs: number): Sighting {
  if (before?.request.status === request.status) return { ...before, request };
  const trail = [...(before?.trail ?? []), { status: request.status, atMs }];
  return { request, sinceMs: atMs, trail: trail.slice(-mostStates) };
}
