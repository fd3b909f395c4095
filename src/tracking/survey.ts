import { connectCertmonger, type Certmonger } from '../../dbus/certmonger.js';
import type { InstanceSite } from '../config/instance.js';
import { installation } from '../platform/installation.js';
import { askService } from '../service/ask.js';
import type { DesiredRequest } from './desired.js';
import { tokenViews } from '../config/token-views.js';
import { judgeLooks, lookAtEach, type Away } from './several-tokens.js';
import type { TrackingFacts } from './facts.js';
import type { Clashes } from './clashes.js';
import { warningsOf, type Warning } from './freeipa-table.js';
import { gatherFacts } from './gather.js';
import { clashesBeside } from './neighbours.js';
import { planTracking, type Change } from './plan.js';
import type { Refusal } from './preflight.js';
import { requestIds } from '../config/request-id.js';

/** One look at everything: what should be, what is, what has to change, and what speaks against it. */
export interface Survey {
  /**
   * For each of the instance's tokens that could be looked at, its own first; what lies on none is with that one. `instance` in them is the
   * view (token-views.ts).
   */
  readonly facts: readonly [TrackingFacts, ...TrackingFacts[]];
  readonly desired: readonly DesiredRequest[];
  readonly changes: readonly Change[];
  readonly refusals: readonly Refusal[];
  /** What keeps nothing from being done. */
  readonly warnings: readonly Warning[];
}

export interface Tracker {
  readonly certmonger: Certmonger;
  readonly place: InstanceSite;
  /** Logs in to the token. */
  survey(): Promise<Survey>;
}

/** Connects to certmonger for one instance's tracking, works, disconnects. */
export async function withTracker<T>(
  place: InstanceSite,
  bus: string,
  env: Readonly<Record<string, string | undefined>>,
  work: (tracker: Tracker) => Promise<T>,
): Promise<T> {
  const certmonger = await connectCertmonger(bus, { env });
  try {
    return await work({ certmonger, place, survey: () => survey(place, certmonger) });
  } finally {
    certmonger.disconnect();
  }
}

/** The same over a connection that stays. Logs in to the token, or to each. */
export async function survey(place: InstanceSite, certmonger: Pick<Certmonger, 'listRequests' | 'listCas' | 'processId'>): Promise<Survey> {
  const { instance, directories } = place;
  const { seen, away } = await lookAtEach(tokenViews(instance), (view) => {
    const part: InstanceSite = { instance: view, directories };
    return gatherFacts({
      ...part,
      installation: installation(),
      certmonger,
      daemonPid: () => certmonger.processId(),
      token: () => askService(part, 'inspect token', { keys: true }),
      nss: () => askService(part, 'inspect NSS database', undefined),
      internal: () => askService(part, 'inspect internal store', { keys: true }),
    });
  });
  return judged(place, seen, away, await clashesBeside(place));
}

function judged(place: InstanceSite, facts: Survey['facts'], away: readonly Away[], clashes: Clashes): Survey {
  const { instance } = place;
  const [{ requests }] = facts;
  const { desired, refusals } = judgeLooks({ ...place, installation: installation() }, facts, away);
  return {
    facts,
    desired,
    changes: planTracking({ instance, ids: requestIds(instance).values(), desired, existing: requests }),
    refusals: [...clashes.refusals, ...refusals],
    warnings: [...warningsOf({ instance, requests }), ...clashes.warnings],
  };
}
