import { nextTry, type Cost } from './next-try.js';

/** One certificate in trouble, from when that is first seen until it is well: what was tried, and when the next try is due. */
export interface Incident {
  readonly cause: string;
  /** Of performance.now(). */
  readonly sinceMs: number;
  /** Cures tried since it was last well, or what is the cause was last seen to be there. */
  attempts: number;
  /** Of performance.now(): not before. */
  dueMs: number;
  /** Of performance.now(): the last cure, or when it was first seen. */
  triedMs: number;
}

export interface IncidentSign {
  readonly cause: string;
  /** End of the certificate that is there now: the less life is left, the sooner the next try. */
  readonly notAfter: Date | undefined;
  /** The cause itself was just seen, so that the first try after it is gone is made at once. */
  readonly causeSeen: boolean;
}

export interface Incidents {
  get(nickname: string): Incident | undefined;
  /** Notes what is wrong now: opens another where the cause is another. */
  open(nickname: string, sign: IncidentSign): Incident;
  /** It is well. */
  close(nickname: string): void;
  /** A cure has begun: says when the next may. */
  tried(incident: Incident, notAfter: Date | undefined, cost: Cost): void;
}

/** The helper has only just said no: asked at once it would say it again. */
export const answered: ReadonlySet<string> = new Set(['refused', 'unconfigured', 'gave-up']);

export function createIncidents({
  clock,
  now,
  random,
}: {
  readonly clock: () => Date;
  readonly now: () => number;
  readonly random: () => number;
}): Incidents {
  const all = new Map<string, Incident>();
  const dueAfter = (notAfter: Date | undefined, cost: Cost, attempts: number) => {
    const at = clock();
    return now() + nextTry(at, { cost, ...(notAfter === undefined ? {} : { notAfter }) }, attempts, random).getTime() - at.getTime();
  };
  /** What was tried for another cause counts on: two that take turns would be cured without end, each for the first time. */
  const begin = (cause: string, notAfter: Date | undefined, before: Incident | undefined): Incident => {
    const first = answered.has(cause) ? { attempts: 1, dueMs: dueAfter(notAfter, 'request', 1) } : { attempts: 0, dueMs: 0 };
    return {
      cause,
      sinceMs: now(),
      triedMs: now(),
      attempts: Math.max(first.attempts, before?.attempts ?? 0),
      dueMs: Math.max(first.dueMs, before?.dueMs ?? 0),
    };
  };
  return {
    get: (nickname) => all.get(nickname),
    open(nickname, { cause, notAfter, causeSeen }) {
      const known = all.get(nickname);
      const incident = known?.cause === cause ? known : begin(cause, notAfter, known);
      if (causeSeen) {
        incident.attempts = 0;
        incident.dueMs = 0;
      }
      all.set(nickname, incident);
      return incident;
    },
    close: (nickname) => {
      all.delete(nickname);
    },
    tried(incident, notAfter, cost) {
      incident.attempts += 1;
      incident.triedMs = now();
      incident.dueMs = dueAfter(notAfter, cost, incident.attempts);
    },
  };
}
