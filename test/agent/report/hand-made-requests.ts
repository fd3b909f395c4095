import { trackingRequestOf } from '../../../dbus/tracking-request.js';
import { Variant } from '../../../dbus/wire.js';
import type { CachedRequest, RequestCache, RequestChange } from '../../../src/agent/requests/request-cache.js';

const day = 86_400_000;
export const start = Date.UTC(2027, 0, 1);

/** One request of an instance as certmonger would tell it; its certificate lives from `start`. */
export const seen = (id: string, status: string, { serial = '01', days = 100, sinceMs = 0 } = {}): CachedRequest => ({
  request: trackingRequestOf(
    '/1',
    Object.fromEntries(
      Object.entries({
        nickname: new Variant('s', id),
        status: new Variant('s', status),
        serial: new Variant('s', serial),
        subject: new Variant('s', 'CN=x'),
        'not-valid-before': new Variant('x', BigInt(start / 1000)),
        'not-valid-after': new Variant('x', BigInt((start + days * day) / 1000)),
      }),
    ),
    'h',
  ),
  sinceMs,
  trail: [{ status, atMs: sinceMs }],
});

/** A request cache that shows what it is given. */
export function handMadeCache(): RequestCache & { show(cached: CachedRequest): void } {
  const shown = new Map<string, CachedRequest>();
  const listeners = new Set<(change: RequestChange) => void>();
  return {
    requests: () => [...shown.values()],
    request: (id) => shown.get(id),
    trouble: () => undefined,
    refresh: () => Promise.resolve(),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    show(now) {
      shown.set(now.request.nickname, now);
      for (const listener of listeners) listener({ kind: 'request', id: now.request.nickname, now });
    },
  };
}
