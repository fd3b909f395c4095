import { connectCertmonger, type Certmonger } from '../../dbus/certmonger.js';
import type { Directories, Instance } from '../config/instance.js';
import { installation } from '../platform/installation.js';
import { askService } from '../service/ask.js';
import { desiredRequests, type DesiredRequest } from './desired.js';
import type { TrackingFacts } from './facts.js';
import { warningsOf, type Warning } from './freeipa-table.js';
import { gatherFacts } from './gather.js';
import { planTracking, type Change } from './plan.js';
import { preflight, type Refusal } from './preflight.js';
import { requestIds } from '../config/request-id.js';

export interface Place {
  readonly instance: Instance;
  readonly directories: Directories;
}

/** One look at everything: what should be, what is, what has to change, and what speaks against it. */
export interface Survey {
  readonly facts: TrackingFacts;
  readonly desired: readonly DesiredRequest[];
  readonly changes: readonly Change[];
  readonly refusals: readonly Refusal[];
  /** What keeps nothing from being done. */
  readonly warnings: readonly Warning[];
}

export interface Tracker {
  readonly certmonger: Certmonger;
  readonly place: Place;
  /** Logs in to the token. */
  survey(): Promise<Survey>;
}

/** Connects to certmonger for one instance's tracking, works, disconnects. */
export async function withTracker<T>(place: Place, bus: string, env: Readonly<Record<string, string | undefined>>, work: (tracker: Tracker) => Promise<T>): Promise<T> {
  const certmonger = await connectCertmonger(bus, { env });
  try {
    return await work({ certmonger, place, survey: () => survey(place, certmonger) });
  } finally {
    certmonger.disconnect();
  }
}

/** The same over a connection that stays. Logs in to the token. */
export async function survey(place: Place, certmonger: Pick<Certmonger, 'listRequests' | 'listCas' | 'processId'>): Promise<Survey> {
  const { instance } = place;
  const whole = { ...place, installation: installation() };
  const facts = await gatherFacts({
    ...whole,
    certmonger,
    daemonPid: () => certmonger.processId(),
    token: () => askService(place, 'inspect token', { keys: true }),
    nss: () => askService(place, 'inspect NSS database', undefined),
    internal: () => askService(place, 'inspect internal store', { keys: true }),
  });
  const desired = desiredRequests(whole, facts);
  return { facts, desired, changes: planTracking({ instance, ids: requestIds(instance).values(), desired, existing: facts.requests }), refusals: preflight(facts), warnings: warningsOf(facts) };
}
