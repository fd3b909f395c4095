import type { Instance } from '../../config/instance.js';
import type { Diagnosis } from '../../diagnosis/diagnosis.js';
import { sentenceOf } from '../../errors.js';
import type { InstanceContext } from '../instances/instance-context.js';
import { createTroubleLog } from '../log.js';
import type { CachedRequest } from '../requests/request-cache.js';
import { applyRemedy, type Remedy } from './cure.js';
import type { Examined } from './examine-all.js';
import type { IncidentEvents } from './incident-events.js';
import { answered, type Incident, type Incidents } from './incidents.js';
import type { Looks } from './looks.js';
import type { Cost } from './next-try.js';
import { again, idleMs, lookMs } from './pace.js';

/** Does what cures ask for. Each gives the milliseconds until the certificate is to be thought of again. */
export interface Treatment {
  /** What is due for one that is in trouble. */
  treat(examined: Pick<Examined, 'nickname' | 'cached' | 'probe'>, diagnosis: Diagnosis, incident: Incident): number;
  /** One that certmonger is to submit: that passes at once where the helper can be run, and only a whole look tells whether it can. */
  awaitSubmission(cached: CachedRequest): number;
}

export interface TreatmentMeans {
  readonly looks: Looks;
  /** Starts a whole look and has the certificates thought of again when it is done. */
  readonly look: () => void;
  /** Has them thought of again. */
  readonly nudge: () => void;
  readonly incidents: Pick<Incidents, 'tried'>;
  readonly incidentEvents: Pick<IncidentEvents, 'treated'>;
  /** As in HealerMeans. */
  readonly reconcile: (() => void) | undefined;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** What no look can show to be over. */
const unseen: ReadonlySet<string> = new Set([
  'ca-pending',
  'waits-for-others',
  'saving-left',
  'lock-held',
  'expired-refused',
  'expired',
  'refused',
  'not-moving',
]);

export function createTreatment(context: InstanceContext, means: TreatmentMeans): Treatment {
  const { instance, requestCache, log } = context;
  const { looks, look, nudge, incidents, incidentEvents, reconcile, now } = means;
  const curing = createTroubleLog(log);
  /** Nicknames of those a cure is on its way for. */
  const busy = new Set<string>();

  const apply = async (nickname: string, { request }: CachedRequest, cause: string, remedy: Remedy, incident: Incident) => {
    const { nickname: id, status } = request;
    busy.add(nickname);
    try {
      const treated = await applyRemedy(context, remedy, { nickname, id, status });
      if (treated === 'taken') {
        incidentEvents.treated(nickname, remedy);
        log('info', `'${nickname}': ${remedy} after '${cause}' (state ${status}).`);
        await requestCache.refresh(id);
      } else {
        incident.attempts -= 1;
        incident.dueMs = now() + (treated === 'not taken' ? again.untaken : again.hindered);
        if (treated !== 'not taken') throw new Error(treated.obstacle);
      }
      curing.over('certmonger can be told again.');
    } catch (error) {
      curing.trouble(`'${nickname}' was to be cured of '${cause}' by ${remedy}: ${sentenceOf(error)}`);
    } finally {
      busy.delete(nickname);
      nudge();
    }
  };

  const remedyFor = (nickname: string, cached: CachedRequest, cause: string, remedy: Remedy, incident: Incident): number => {
    const wait = incident.dueMs - now();
    if (wait > 0) return wait;
    incidents.tried(incident, cached.request.certificate.notAfter, remedy === 'refresh' ? 'question' : costOf(instance, cause));
    void apply(nickname, cached, cause, remedy, incident);
    return idleMs;
  };

  const reconcileFor = (nickname: string, incident: Incident): number => {
    const wait = incident.dueMs - now();
    if (reconcile === undefined || wait > 0) return reconcile === undefined ? idleMs : wait;
    incidents.tried(incident, undefined, 'request');
    incidentEvents.treated(nickname, 'reconcile');
    reconcile();
    return idleMs;
  };

  const lookFor = ({ cached, probe }: Pick<Examined, 'cached' | 'probe'>, { sinceMs }: Incident): number => {
    const unlooked = (cached !== undefined && probe === undefined) || looks.askedMs() < sinceMs;
    const pause = unlooked ? lookMs.least : now() - sinceMs < lookMs.laterAfter ? lookMs.first : lookMs.later;
    const wait = looks.askedMs() + pause - now();
    if (wait > 0) return wait;
    look();
    return pause;
  };

  return {
    treat({ nickname, cached, probe }, { cause, cure }, incident) {
      if (busy.has(nickname)) return idleMs;
      switch (cure.by) {
        case 'resubmit':
        case 'refresh':
        case 'restart':
          return cached === undefined ? idleMs : remedyFor(nickname, cached, cause, cure.by, incident);
        case 'reconcile':
          return reconcileFor(nickname, incident);
        case 'waiting':
        case 'move PIN aside':
          return unseen.has(cause) ? idleMs : lookFor({ cached, probe }, incident);
        case 'a person':
          return idleMs;
      }
    },
    awaitSubmission({ sinceMs }) {
      const wait = sinceMs + lookMs.least - now();
      if (wait <= 0 && looks.askedMs() < sinceMs) look();
      return wait <= 0 ? idleMs : wait;
    },
  };
}

/** Each try of a blind one signs, so where signatures are counted none is made for its sake. */
function costOf({ issuer, agent }: Pick<Instance, 'issuer' | 'agent'>, cause: string): Cost {
  return answered.has(cause) && issuer.type !== 'token' && agent.signMinutes > 0 ? 'blind request' : 'request';
}
