import { restingState, terminalStates } from '../../../dbus/states.js';
import { requestIds } from '../../config/request-id.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import type { CalendarEntry } from '../../renewal/calendar/calendar.js';
import { orderOf } from '../../tracking/renewal-order.js';
import { resubmitSameKey } from '../../tracking/same-key.js';
import { needsPin } from '../../tracking/pin-first.js';
import { readsTheOld, standingOf, type Standing } from '../../tracking/standing.js';
import { createBackOff } from '../timing/back-off.js';
import { createWaker } from '../timing/waker.js';
import type { InstanceContext, Part } from '../instances/instance-context.js';
import { createTroubleLog } from '../log.js';
import type { RequestChange } from '../requests/request-cache.js';
import { createAttempts } from './attempts.js';
import { createCalendar } from './current-calendar.js';
import { obstacleTo } from './obstacle.js';
import { createMastership, type Mastership } from './mastership.js';

/** Begins renewals when the calendar says so, one after the other. */
export interface Renewer extends Part {
  /** This instance's lines; empty until certmonger's requests are known. */
  calendar(): readonly CalendarEntry[];
  /**
   * Renews now, whatever the calendar says, with the same key; gives a sentence once certmonger has taken it up. USAGE for what is not of
   * the instance, REQUEST_NOT_FOUND, CERTMONGER_REFUSED, CERTIFICATE_NOT_FOUND, KEY_MISMATCH, RENEWAL_FAILED where certmonger would not;
   * Prober.prove()'s where the PIN would not do.
   */
  renew(nickname: string): Promise<string>;
}

/** Milliseconds. */
export interface RenewerPace {
  /** Between two looks at the clock: it may have been set, and a machine may have slept. */
  readonly lookMs: number;
  /** How long one renewal may take before the next of the same CA. */
  readonly patienceMs: number;
  /** Between two looks at one under way, where nothing is heard of it. */
  readonly followMs: number;
  /** Of two attempts at one certificate. */
  readonly retry: { readonly firstMs: number; readonly mostMs: number };
}

const usualPace: RenewerPace = {
  lookMs: 120_000,
  patienceMs: 1_800_000,
  followMs: 10_000,
  retry: { firstMs: 1_800_000, mostMs: 86_400_000 },
};
/** Of what does not answer. */
const troublePauses = { firstMs: 5000, mostMs: 300_000 };

export function startRenewer(
  context: InstanceContext,
  pace: RenewerPace = usualPace,
  mastership: Mastership = createMastership(context),
): Renewer {
  const { instance, certmonger, requestCache, prober, log, clock, signal } = context;
  const ids = requestIds(instance);
  const calendar = createCalendar(context, (name) => (name === instance.name ? mastership.known() : undefined));
  const attempts = createAttempts(pace.retry);
  const waker = createWaker(signal);
  const held = createTroubleLog(log);
  const troubled = createTroubleLog(log);
  let following: string | undefined;

  const heard = (change: RequestChange) => {
    if (calendar.touches(change) || (change.kind === 'request' && change.id === following)) waker.wake();
  };
  const ends = [
    requestCache.onChange(heard),
    prober.onProbe(() => {
      waker.wake();
    }),
  ];

  /** Milliseconds until there may be something to do. */
  const pass = async (): Promise<number> => {
    const now = clock().getTime();
    const entries = calendar.own();
    // Another server may be the renewal master by now, or none: where one is due it is asked for anew.
    const forMaster =
      mastership.known() === false && entries.some(({ by, planned }) => by === 'renewal master' && planned.getTime() <= now);
    if (forMaster && (await mastership.ask())) {
      calendar.forget();
      return 0;
    }
    const due = entries
      .filter(({ by, planned }) => by === 'agent' && planned.getTime() <= now)
      .sort((one, other) => one.planned.getTime() - other.planned.getTime());
    const waiting = due.filter(ready).map((entry) => ({ entry, obstacle: obstacleTo(prober.latest(entry.nickname), entry.nickname) }));
    const entry = waiting.find(({ obstacle }) => obstacle === undefined)?.entry;
    if (entry === undefined) {
      const [first] = waiting;
      if (first?.obstacle !== undefined) held.trouble(`The planned renewal of '${first.entry.nickname}' waits: ${first.obstacle}`);
      return Math.min(pace.lookMs, ...entries.map(({ planned }) => planned.getTime() - now).filter((ms) => ms > 0));
    }
    if (calendar.neighbours(entry).some(underWay)) return Math.min(pace.lookMs, pace.followMs);
    const before = mastership.known();
    if ((await mastership.ask()) !== before && mastership.known() !== undefined) {
      calendar.forget();
      return 0;
    }
    held.over('planned renewals go on.');
    await renewPlanned(entry);
    return 0;
  };

  const ready = (entry: CalendarEntry): boolean => {
    const cached = requestCache.request(ids.get(entry.nickname) ?? '');
    return entry.after === undefined && cached?.request.status === restingState && attempts.due(entry.nickname, identityOf(entry));
  };

  /** Whatever began it; one that has not moved for longer is stuck, and nobody waits for it. */
  const underWay = (id: string): boolean => {
    const cached = requestCache.request(id);
    return cached !== undefined && !terminalStates.has(cached.request.status) && performance.now() - cached.sinceMs < pace.patienceMs;
  };

  const renewPlanned = async (entry: CalendarEntry) => {
    const { nickname } = entry;
    // Whatever happens, not at once again: not even where certmonger's answer was lost.
    attempts.failed(nickname, identityOf(entry));
    log('info', `'${nickname}' is renewed now, as planned for ${minuteOf(entry.planned)}; certmonger would at ${minuteOf(entry.to)}.`);
    const { id, before } = await submit(nickname);
    following = id;
    const standing = await followed(id, before).finally(() => {
      following = undefined;
    });
    if (standing === 'renewed') {
      attempts.succeeded(nickname);
      log('info', `'${nickname}' has its new certificate.`);
    } else if (!signal.aborted) {
      log(
        'warning',
        `'${nickname}' ${standing === 'failed' ? 'was not renewed' : `was not renewed within ${String(Math.round(pace.patienceMs / 60_000))} minutes`}; it is tried again later. See 'hsmonger status'.`,
      );
    }
  };

  const submit = (nickname: string) =>
    certmonger.use(async (connected) => {
      const config = instance.certificates.find((one) => one.nickname === nickname);
      if (config === undefined) throw new HsmongerError('USAGE', `${instance.file} has no certificate '${nickname}'.`);
      const request = await connected.request(ids.get(nickname) ?? '').find();
      if (request !== undefined && needsPin(instance, request)) await prober.prove(nickname);
      const {
        keyType,
        keySize,
        request: { nickname: id },
      } = orderOf(instance, config, request === undefined ? [] : [request]);
      const { before, taken } = await resubmitSameKey(connected, id, { keyType, keySize });
      if (!taken)
        throw new HsmongerError(
          'RENEWAL_FAILED',
          `certmonger would not resubmit '${nickname}' (state ${before.status}); see 'hsmonger status'.`,
        );
      return { id, before: before.certificate.pem };
    });

  const followed = async (id: string, before: string | undefined): Promise<Standing> => {
    let readAnew = false;
    for (const end = performance.now() + pace.patienceMs; ;) {
      waker.reset();
      // What was seen before the resubmit says nothing.
      await requestCache.refresh(id).catch(() => undefined);
      const cached = requestCache.request(id);
      const standing = cached === undefined ? 'under way' : standingOf(before, cached.request);
      if (!readAnew && cached !== undefined && readsTheOld(before, cached.request)) {
        readAnew = true;
        await certmonger.use((connected) => connected.request(id).readAnew());
        continue;
      }
      if (standing !== 'under way' || performance.now() > end || signal.aborted) return standing;
      await waker.sleep(pace.followMs);
    }
  };

  const work = async () => {
    const pauses = createBackOff(troublePauses);
    while (!signal.aborted) {
      waker.reset();
      let waitMs: number;
      try {
        waitMs = await pass();
        pauses.reset();
        troubled.over('planned renewals can be begun again.');
      } catch (error) {
        troubled.trouble(`A planned renewal could not be begun: ${sentenceOf(error)}`);
        waitMs = pauses.next();
      }
      await waker.sleep(waitMs);
    }
    for (const end of ends) end();
  };

  return {
    calendar: () => calendar.own(),
    async renew(nickname) {
      const { id } = await submit(nickname);
      return `certmonger was asked for a new certificate for '${nickname}' (request ${id}).`;
    },
    ended: work(),
  };
}

/** Another certificate, another attempt. */
function identityOf({ notBefore, notAfter }: CalendarEntry): string {
  return `${notBefore.toISOString()} ${notAfter.toISOString()}`;
}

function minuteOf(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
