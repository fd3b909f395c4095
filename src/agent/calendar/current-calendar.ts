import { requestIds } from '../../config/request-id.js';
import type { CalendarEntry } from '../../renewal/calendar/calendar.js';
import { planCalendar } from '../../renewal/calendar/plan-calendar.js';
import type { InstanceContext } from '../instances/instance-context.js';
import type { RequestChange } from '../requests/request-cache.js';
import { renewable, type Renewable } from './certificates.js';

/** The calendar of the requests there are now, made anew only when it may have changed. */
export interface CurrentCalendar {
  /** This instance's lines. */
  own(): readonly CalendarEntry[];
  /** Ids of the requests whose certificates come from the same CA, its own not among them. */
  neighbours(entry: CalendarEntry): readonly string[];
  /** Whether a change changes it. */
  touches(change: RequestChange): boolean;
  /** Something it was made of is another now. */
  forget(): void;
}

interface Made {
  readonly atMs: number;
  readonly renewable: Renewable;
  readonly own: readonly CalendarEntry[];
}

const yearMs = 365 * 86_400_000;
/** What comes after the next renewals moves with the clock. */
const freshMs = 3_600_000;

/** Certificates of all instances are in it: two may have one CA. */
export function createCalendar(
  context: Pick<InstanceContext, 'instance' | 'instances' | 'requestCache' | 'clock'>,
  isMaster: (instance: string) => boolean | undefined,
): CurrentCalendar {
  const { instance, requestCache, clock } = context;
  let made: Made | undefined;
  const make = (): Made | undefined => {
    if (made !== undefined && performance.now() - made.atMs < freshMs) return made;
    const requests = requestCache.requests();
    if (requests === undefined) return undefined;
    const all = renewable(
      context.instances,
      requests.map(({ request }) => request),
      isMaster,
    );
    const now = clock();
    const entries = planCalendar(all.certificates, { now, until: new Date(now.getTime() + yearMs) });
    made = { atMs: performance.now(), renewable: all, own: entries.filter((entry) => entry.instance === instance.name) };
    return made;
  };
  return {
    own: () => make()?.own ?? [],
    neighbours(entry) {
      const certificates = make()?.renewable.certificates ?? [];
      const group = certificates.find((one) => one.instance === entry.instance && one.nickname === entry.nickname)?.group;
      return certificates.flatMap((one) => {
        if (one.group !== group || (one.instance === entry.instance && one.nickname === entry.nickname)) return [];
        const owner = context.instances.find(({ name }) => name === one.instance);
        const id = owner === undefined ? undefined : requestIds(owner).get(one.nickname);
        return id === undefined ? [] : [id];
      });
    },
    touches(change) {
      const { before, now } = change.kind === 'request' ? change : {};
      const [old, present] = [before?.request, now?.request];
      if (
        change.kind === 'request' &&
        old?.certificate.pem === present?.certificate.pem &&
        old?.ca === present?.ca &&
        old?.monitoring === present?.monitoring &&
        old?.autorenew === present?.autorenew
      )
        return false;
      made = undefined;
      return true;
    },
    forget: () => {
      made = undefined;
    },
  };
}
