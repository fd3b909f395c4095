import { setTimeout as sleep } from 'node:timers/promises';
import { restingState } from '../../../dbus/states.js';
import { sentenceOf } from '../../errors.js';
import { diagnoseSite } from '../../diagnosis/diagnose.js';
import type { Diagnosis } from '../../diagnosis/diagnosis.js';
import type { SiteFacts } from '../../diagnosis/facts.js';
import { siteFacts } from '../../diagnosis/gather.js';
import { pinStates } from '../../diagnosis/groups.js';
import type { Probe } from '../../diagnosis/probe.js';
import type { Memory } from '../../diagnosis/remembered.js';
import { askService } from '../../service/ask.js';
import type { InstanceContext, Part } from '../instances/instance-context.js';
import { createTroubleLog } from '../log.js';
import type { CachedRequest } from '../requests/request-cache.js';
import { askIssuer } from './ask-issuer.js';
import { createHealthyCache, surroundingsOf } from './healthy-cache.js';
import { applyRemedy, type Remedy } from './cure.js';
import { evidenceFor, examine, lockHoldersIn } from './examine.js';
import { createLedgerView } from './ledger-view.js';
import { createLooks } from './looks.js';
import type { Cost } from './next-try.js';
import { answered, createIncidents, type Incident } from './incidents.js';
import { pinFileOf, watchPinFile } from './pin-file.js';
import { createPinWatch } from './pin-watch.js';
import { createRequestFinder, heldKey } from './find-requests.js';
import { createRefusalWatch, type RefusalWatchMeans, type Refused } from './refusal-watch.js';
import { createIncidentEvents } from './incident-events.js';

/** Says what is wrong with an instance's renewals, and cures what can be cured. */
export interface Healer extends Part {
  /** By nickname; who is well is not in it. */
  diagnoses(): ReadonlyMap<string, Diagnosis>;
  /** Of what all of them need. */
  instance(): readonly Diagnosis[];
}

export interface HealerMeans {
  /**
   * Has certmonger's requests made what the instance file says, soon: not at once, for what is missing now may be what `track apply`
   * replaces or `unsetup` takes back at this moment. Absent: such troubles are told and left.
   */
  readonly reconcile?: () => void;
  /** Default: the instance's ledger. */
  readonly readMemory?: () => Promise<Memory>;
  /** Default: the issuer, in a process of the service user. */
  readonly ask?: RefusalWatchMeans['ask'];
  readonly random?: () => number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

/** Signals come in bursts: an enrolment passes twenty states. */
const settleMs = 200;
const idleMs = 60_000;
/** Between two looks while something waits for what they may show. */
const lookMs = { first: 20_000, later: 60_000, laterAfter: 600_000, least: 3000 };
const again = { untaken: 5000, hindered: 20_000 };
const ledgerTimeoutMs = 30_000;

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

export function startHealer(context: InstanceContext, means: HealerMeans = {}): Healer {
  const { instance, requestCache, prober, events, log, clock, signal } = context;
  const {
    reconcile,
    ask = (refused: readonly Refused[]) => askIssuer(context, refused),
    random = Math.random,
    now = () => performance.now(),
    readMemory = () => askService(context, 'read ledger', undefined, { timeoutMs: ledgerTimeoutMs }),
  } = means;
  const find = createRequestFinder(instance);
  const costOf = costIn(instance);
  const looks = createLooks(prober, now);
  const ledger = createLedgerView(readMemory, now, createTroubleLog(log));
  const healthyCache = createHealthyCache(clock, now);
  const incidents = createIncidents({ clock, now, random });
  const incidentEvents = createIncidentEvents({ instance: instance.name, events, clock, now });
  const pinFile = pinFileOf(context);
  const pin = createPinWatch({
    instance: instance.name,
    file: pinFile,
    tell: (event) => {
      events.tell(event);
    },
    log,
    clock,
  });
  const curing = createTroubleLog(log);
  const refusalWatch = createRefusalWatch({
    instance,
    ask,
    onAnswer: () => {
      nudge();
    },
    now,
  });
  const busy = new Set<string>();
  let ofCertificates: ReadonlyMap<string, Diagnosis> = new Map();
  let ofInstance: readonly Diagnosis[] = [];
  let wake = new AbortController();
  const nudge = () => {
    wake.abort();
  };
  const look = () => {
    void looks.now().then(nudge);
  };

  const newest = (): Probe | undefined => {
    const [watched, looked] = [prober.latest(), looks.since(-Infinity)];
    return watched !== undefined && (looked === undefined || watched.at > looked.at) ? watched : looked;
  };

  const siteNow = (): SiteFacts => {
    const [probe, movedTo, trouble] = [newest(), pin.movedTo(), requestCache.requests() === undefined ? requestCache.trouble() : undefined];
    return {
      ...siteFacts(clock(), instance),
      ...(trouble === undefined ? {} : { certmonger: { trouble } }),
      ...(probe === undefined ? {} : { probe }),
      ...(movedTo === undefined ? {} : { pinMovedTo: movedTo }),
    };
  };

  /** Gives milliseconds until the next one is due. */
  const round = async (): Promise<number> => {
    const cachedRequests = requestCache.requests();
    const requests = cachedRequests === undefined ? undefined : find(cachedRequests);
    const restedMs =
      requests === undefined ? -Infinity : Math.max(-Infinity, ...[...requests.values()].filter(asksLedger).map(({ sinceMs }) => sinceMs));
    const remembered = await ledger.refresh(restedMs);
    const site = siteNow();
    ofInstance = diagnoseSite(site);
    incidentEvents.ofInstance(ofInstance);
    if (requests === undefined || cachedRequests === undefined) {
      ofCertificates = new Map();
      // Before it comes back and each of its requests tries the PIN, twice.
      if (await pin.attend(site.probe, ofInstance, false)) look();
      return idleMs;
    }
    const lockHolders = lockHoldersIn(cachedRequests);
    const surroundings = surroundingsOf(site);
    const found = new Map<string, Diagnosis>();
    const waits: number[] = remembered ? [] : [2000];
    const refused: Refused[] = [];
    for (const config of instance.certificates) {
      const { nickname } = config;
      const cached = requests.get(nickname);
      const memory = cached === undefined ? undefined : ledger.since(cached.sinceMs);
      const basis = { cached, memory, surroundings };
      if (healthyCache.stillValid(nickname, basis)) continue;
      const probe = cached === undefined ? site.probe : evidenceFor(cached, site.probe, looks.since);
      const diagnosis = examine({
        site,
        config,
        cached,
        key: cached === undefined ? undefined : heldKey(cached.request),
        probe,
        memory,
        tries: incidents.get(nickname)?.attempts ?? 0,
        lockHolders,
        nowMs: now(),
      });
      // What the helper wrote down last may say otherwise: as long as that was not read it is not known to be well.
      const well = diagnosis === undefined && cached?.request.status === restingState && ledger.since(cached.sinceMs) !== undefined;
      incidentEvents.ofCertificate(nickname, diagnosis, well);
      if (diagnosis === undefined) {
        if (well || cached?.request.status !== restingState) healthyCache.store(nickname, basis);
        if (well) {
          incidents.close(nickname);
          refusalWatch.forget(nickname);
        }
        if (cached?.request.status === 'NEED_TO_SUBMIT') waits.push(submitsNot(cached));
        continue;
      }
      found.set(nickname, diagnosis);
      const present =
        probe !== undefined &&
        diagnosis.cure.by !== 'resubmit' &&
        diagnoseSite({ ...site, probe }).some(({ cause }) => cause === diagnosis.cause);
      const incident = incidents.open(nickname, diagnosis, cached?.request.certificate.notAfter, present);
      if (answered.has(diagnosis.cause) && diagnosis.cure.by === 'resubmit' && cached !== undefined) {
        const { pem } = cached.request.certificate;
        refused.push({ nickname, triedMs: incident.triedMs, ...(pem === undefined ? {} : { pem }) });
        if (refusalWatch.mended({ nickname, triedMs: incident.triedMs })) incident.dueMs = 0;
      }
      waits.push(act(nickname, cached, diagnosis, incident, cached !== undefined && probe === undefined));
    }
    ofCertificates = found;
    waits.push(refusalWatch.consider(refused, site.probe?.ca?.ok === false));
    const suspect =
      [...requests.values()].some(({ request }) => (pinStates as readonly string[]).includes(request.status)) ||
      [...found.values()].some(({ cause }) => cause === 'saving-fails');
    if (await pin.attend(site.probe, ofInstance, suspect)) look();
    return Math.max(settleMs, Math.min(idleMs, ...waits));
  };

  /** Does what is due for one; gives milliseconds until it is to be thought of again. */
  const act = (
    nickname: string,
    cached: CachedRequest | undefined,
    { cause, cure }: Diagnosis,
    incident: Incident,
    unknown: boolean,
  ): number => {
    if (busy.has(nickname)) return idleMs;
    switch (cure.by) {
      case 'resubmit':
      case 'refresh':
      case 'restart':
        return cached === undefined ? idleMs : treat(nickname, cached, cause, cure.by, incident);
      case 'reconcile':
        return reconcileFor(nickname, incident);
      case 'waiting':
      case 'move PIN aside':
        return unseen.has(cause) ? idleMs : lookFor(incident, unknown);
      case 'a person':
        return idleMs;
    }
  };

  /** This state passes at once where the helper can be run: only a whole look tells whether it can. */
  const submitsNot = ({ sinceMs }: CachedRequest): number => {
    const wait = sinceMs + lookMs.least - now();
    if (wait <= 0 && looks.askedMs() < sinceMs) look();
    return wait <= 0 ? idleMs : wait;
  };

  const lookFor = ({ sinceMs }: Incident, unknown: boolean): number => {
    const unlooked = unknown || looks.askedMs() < sinceMs;
    const pause = unlooked ? lookMs.least : now() - sinceMs < lookMs.laterAfter ? lookMs.first : lookMs.later;
    const wait = looks.askedMs() + pause - now();
    if (wait > 0) return wait;
    look();
    return pause;
  };

  const treat = (nickname: string, { request }: CachedRequest, cause: string, remedy: Remedy, incident: Incident): number => {
    const wait = incident.dueMs - now();
    if (wait > 0) return wait;
    const { nickname: id, status } = request;
    incidents.tried(incident, request.certificate.notAfter, remedy === 'refresh' ? 'question' : costOf(cause));
    busy.add(nickname);
    const done = async () => {
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
    void done();
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

  const work = async () => {
    const stops = [requestCache.onChange(nudge), prober.onProbe(nudge)];
    if (pinFile !== undefined) watchPinFile(pinFile.path, look, signal);
    signal.addEventListener('abort', nudge, { once: true });
    const rounds = createTroubleLog(log);
    try {
      while (!signal.aborted) {
        wake = new AbortController();
        let wait = idleMs;
        try {
          wait = await round();
          rounds.over('requests are looked after again.');
        } catch (error) {
          rounds.trouble(`requests cannot be looked after: ${sentenceOf(error)}`);
          wait = again.untaken;
        }
        // What came while it worked is another round's, after a moment in which more may come.
        await sleep(wait, undefined, { signal: wake.signal, ref: false }).catch(() => undefined);
        await sleep(settleMs, undefined, { signal }).catch(() => undefined);
      }
    } finally {
      for (const stop of stops) stop();
    }
  };

  return { ended: work(), diagnoses: () => ofCertificates, instance: () => ofInstance };
}

/** Each try of a blind one signs, so where signatures are counted none is made for its sake. */
function costIn({ issuer, agent }: InstanceContext['instance']): (cause: string) => Cost {
  return (cause) => (answered.has(cause) && issuer.type !== 'token' && agent.signMinutes > 0 ? 'blind request' : 'request');
}

/** The helper was heard, or is at its end. */
function asksLedger({ request: { status } }: CachedRequest): boolean {
  return status === restingState || status === 'CA_WORKING' || status === 'CA_UNREACHABLE';
}
