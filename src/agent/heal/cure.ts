import type { Certmonger } from '../../../dbus/certmonger.js';
import { refreshableStates } from '../../../dbus/states.js';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { Cure } from '../../diagnosis/diagnosis.js';
import { saveFailedStates } from '../../diagnosis/groups.js';
import { asHsmongerError, type ErrorCode } from '../../errors.js';
import { needsPin } from '../../tracking/pin-first.js';
import { provenKey, resubmitSameKey } from '../../tracking/same-key.js';
import type { InstanceContext } from '../instances/instance-context.js';
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

/** `not taken`: it is in another state by now, or certmonger would not. `obstacle`: why certmonger was not even asked, a sentence. */
export type Treated = 'taken' | 'not taken' | { readonly obstacle: string };

/** With no PIN, or no token, certmonger spends no login: what goes in circles with the lock may be started over, to wait without it. */
const idle: ReadonlySet<ErrorCode> = new Set(['PIN_SOURCE_MISSING', 'TOKEN_NOT_FOUND', 'MODULE_FAILED']);

/** Each remedy has certmonger log in, so the PIN is proven before. The errors of same-key.ts and of the bus. */
export function applyRemedy(
  { instance, certmonger, prober }: Pick<InstanceContext, 'instance' | 'certmonger' | 'prober'>,
  remedy: Remedy,
  { nickname, id, status }: Case,
): Promise<Treated> {
  return oneAtATime(certmonger, () =>
    certmonger.use(async (daemon) => {
      const handle = daemon.request(id);
      const request = await handle.find();
      // It may have moved while this waited for its turn: what is on its way is left alone.
      if (request?.status !== status) return 'not taken';
      const obstacle = needsPin(instance, request) ? await prober.prove().then(() => undefined, asHsmongerError) : undefined;
      if (obstacle !== undefined && !(idle.has(obstacle.code) && (saveFailedStates as readonly string[]).includes(status)))
        return { obstacle: obstacle.message };
      return (await apply(daemon, remedy, nickname, request)) ? 'taken' : 'not taken';
    }),
  );
}

async function apply(daemon: Certmonger, remedy: Remedy, nickname: string, request: TrackingRequest): Promise<boolean> {
  const handle = daemon.request(request.nickname);
  switch (remedy) {
    case 'refresh':
      return refreshableStates.has(request.status) && (await handle.refresh());
    case 'restart':
      await handle.readAnew();
      return true;
    case 'resubmit':
      return (await resubmitSameKey(daemon, request.nickname, provenKey(nickname, request))).taken;
  }
}
