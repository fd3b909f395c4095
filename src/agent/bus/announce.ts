import type { Caretaker } from '../instances/instance-supervisor.js';
import type { Events } from '../report/events.js';
import { ownCertificate } from '../instances/own-request.js';
import type { Picture } from '../requests/request-cache.js';
import type { BusName } from './bus-name.js';

export interface AnnounceGiven {
  readonly events: Pick<Events, 'on'>;
  readonly picture: Pick<Picture, 'onChange'>;
  readonly roster: { readonly caretakers: () => readonly Pick<Caretaker, 'instance'>[] };
}

/** Sends what happens as signals, until the signal. */
export function announce(
  bus: Pick<BusName, 'event' | 'stateChanged'>,
  { events, picture, roster }: AnnounceGiven,
  signal: AbortSignal,
): void {
  const ends = [
    events.on((event) => {
      bus.event(event);
    }),
    picture.onChange((change) => {
      if (change.kind !== 'request' || change.before?.request.status === change.now?.request.status) return;
      const request = (change.now ?? change.before)?.request;
      if (request === undefined) return;
      for (const { instance } of roster.caretakers()) {
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
