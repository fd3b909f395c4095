import { refreshableStates } from '../../../dbus/states.js';
import type { Cure } from '../../diagnosis/diagnosis.js';
import { provenKey, resubmitSameKey } from '../../tracking/same-key.js';
import type { CertmongerLink } from '../certmonger-link.js';
import { oneAtATime } from './one-at-a-time.js';

/** What the healer does to a request. */
export type Remedy = Extract<Cure['by'], 'resubmit' | 'refresh' | 'restart'>;

export interface Case {
  readonly nickname: string;
  /** Of the request. */
  readonly id: string;
  /** In which it was diagnosed. */
  readonly status: string;
}

/** Whether certmonger took it up; false too where the request is in another state by now. The errors of same-key.ts and of the bus. */
export function applyRemedy(certmonger: CertmongerLink, remedy: Remedy, { nickname, id, status }: Case): Promise<boolean> {
  return oneAtATime(certmonger, () =>
    certmonger.use(async (daemon) => {
      const handle = daemon.request(id);
      const request = await handle.find();
      // It may have moved while this waited for its turn: what is on its way is left alone.
      if (request?.status !== status) return false;
      switch (remedy) {
        case 'refresh':
          return refreshableStates.has(status) && (await handle.refresh());
        case 'restart':
          // Changes nothing, and restarts the request (tdbush.c:3173-3710).
          await handle.modify({ monitoring: request.monitoring });
          return true;
        case 'resubmit':
          return (await resubmitSameKey(daemon, id, provenKey(nickname, request))).taken;
      }
    }),
  );
}
