import type { InstanceSupervisor } from '../instances/instance-supervisor.js';
import type { Events } from '../report/events.js';
import { ownCertificate } from '../instances/own-request.js';
import type { RequestCache } from '../requests/request-cache.js';
import type { BusName } from './bus-name.js';

export interface AnnounceGiven {
  readonly events: Pick<Events, 'on'>;
  readonly requestCache: Pick<RequestCache, 'onChange'>;
  readonly manager: { readonly supervisors: () => readonly Pick<InstanceSupervisor, 'instance'>[] };
}

/** Sends what happens as signals, until the signal. */
export function announce(
  bus: Pick<BusName, 'event' | 'stateChanged'>,
  { events, requestCache, manager }: AnnounceGiven,
  signal: AbortSignal,
): void {
  const ends = [
    events.on((event) => {
      bus.event(event);
    }),
    requestCache.onChange((change) => {
      if (change.kind !== 'request' || change.before?.request.status === change.now?.request.status) return;
      const request = (change.now ?? change.before)?.request;
      if (request === undefined) return;
      for (const { instance } of manager.supervisors()) {
        const own = ownCertificate(instance, request);
        if (own !== undefined) bus.stateChanged(instance.name, own.nickname, change.now?.request.status ?? '');
      }
    }),
  ];
  signal.addEventListener(
    'abort',
    () => {
      for (const end of ends) end();
    },
    { once: true },
  );
}
