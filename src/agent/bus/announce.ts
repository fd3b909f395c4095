import type { Caretaker } from '../caretaker.js';
import type { Events } from '../events.js';
import { requestId } from '../../config/request-id.js';
import { isOurPlace } from '../../tracking/place.js';
import type { Picture } from '../picture/picture.js';
import type { BusName } from './bus-name.js';

export interface AnnounceGiven {
  readonly events: Pick<Events, 'on'>;
  readonly picture: Pick<Picture, 'onChange'>;
  readonly roster: { readonly caretakers: () => readonly Pick<Caretaker, 'instance'>[] };
}

/** Sends what happens as signals, until the signal. */
export function announce(bus: Pick<BusName, 'event' | 'stateChanged'>, { events, picture, roster }: AnnounceGiven, signal: AbortSignal): void {
  const ends = [
    events.on((event) => { bus.event(event); }),
    picture.onChange((change) => {
      if (change.kind !== 'request' || change.before?.request.status === change.now?.request.status) return;
      for (const { instance } of roster.caretakers()) {
        const storage = (change.now ?? change.before)?.request.certificateStorage;
        const own = instance.certificates.find((certificate) => requestId(instance, certificate.nickname) === change.id || (storage !== undefined && isOurPlace(storage, instance, certificate)));
        if (own !== undefined) bus.stateChanged(instance.name, own.nickname, change.now?.request.status ?? '');
      }
    }),
  ];
  signal.addEventListener('abort', () => { for (const end of ends) end(); }, { once: true });
}
