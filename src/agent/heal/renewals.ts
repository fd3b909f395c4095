import { restingState } from '../../../dbus/states.js';
import type { AgentEvent } from '../events.js';
import type { Sighting } from '../picture/picture.js';

/** Sees certificates get newer, and near their end. */
export interface RenewalWatch {
  /** What there is to tell of one certificate now. */
  look(nickname: string, sighting: Sighting): AgentEvent[];
}

interface Known {
  notAfter?: number;
  /** Of performance.now(): when it left its rest. */
  beganMs?: number;
  /** Of performance.now(): when its end was told last. */
  expiringMs?: number;
}

const dayMs = 86_400_000;

export function createRenewalWatch(given: { readonly instance: string; readonly expiringDays: number; readonly clock: () => Date; readonly now: () => number }): RenewalWatch {
  const { instance, expiringDays, clock, now } = given;
  const all = new Map<string, Known>();

  const renewed = (known: Known, nickname: string, { request: { certificate } }: Sighting): AgentEvent[] => {
    const { notAfter, serial } = certificate;
    const before = known.notAfter;
    if (notAfter === undefined) return [];
    known.notAfter = notAfter.getTime();
    if (before === undefined || notAfter.getTime() <= before) return [];
    const seconds = known.beganMs === undefined ? undefined : Math.round((now() - known.beganMs) / 1000);
    const details = { 'not-after': notAfter.toISOString(), ...(serial === undefined ? {} : { serial }), ...(seconds === undefined ? {} : { seconds: String(seconds) }) };
    return [{ kind: 'renewed', at: clock(), instance, nickname, message: `'${nickname}' was renewed: the new certificate expires ${notAfter.toISOString().slice(0, 10)}.`, details }];
  };

  const expiring = (known: Known, nickname: string, { request: { status, stuck, certificate: { notAfter } } }: Sighting): AgentEvent[] => {
    const left = notAfter === undefined ? Infinity : notAfter.getTime() - clock().getTime();
    const underWay = status !== restingState && !stuck;
    if (notAfter === undefined || left >= expiringDays * dayMs || underWay || now() - (known.expiringMs ?? -Infinity) < dayMs) return [];
    known.expiringMs = now();
    const days = Math.floor(left / dayMs);
    const message = left <= 0 ? `'${nickname}' expired at ${notAfter.toISOString()}.` : `'${nickname}' expires ${notAfter.toISOString().slice(0, 10)}, in ${String(days)} ${days === 1 ? 'day' : 'days'}, and nothing newer is under way.`;
    return [{ kind: 'expiring', at: clock(), instance, nickname, message, details: { 'not-after': notAfter.toISOString(), 'days-left': String(days) } }];
  };

  return {
    look(nickname, sighting) {
      const known = all.get(nickname) ?? {};
      all.set(nickname, known);
      const { status } = sighting.request;
      if (status !== restingState) known.beganMs ??= sighting.sinceMs;
      const events = [...renewed(known, nickname, sighting), ...expiring(known, nickname, sighting)];
      if (status === restingState) delete known.beganMs;
      return events;
    },
  };
}
