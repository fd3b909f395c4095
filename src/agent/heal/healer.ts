import { setTimeout as sleep } from 'node:timers/promises';
import { restingState } from '../../../dbus/states.js';
import { sentenceOf } from '../../errors.js';
import { diagnoseSite } from '../../diagnosis/diagnose.js';
import type { Diagnosis } from '../../diagnosis/diagnosis.js';
import type { SiteFacts } from '../../diagnosis/facts.js';
import { siteFacts } from '../../diagnosis/gather.js';
import type { Probe } from '../../diagnosis/probe.js';
import type { Memory } from '../../diagnosis/remembered.js';
import { askService } from '../../service/ask.js';
import type { InstanceContext, Part } from '../instances/instance-context.js';
import { createTroubleLog } from '../log.js';
import type { CachedRequest } from '../requests/request-cache.js';
import { askIssuer } from './ask-issuer.js';
import { createHealthyCache } from './healthy-cache.js';
import { examineAll, type Examined } from './examine-all.js';
import { createLedgerView } from './ledger-view.js';
import { createLooks } from './looks.js';
import { again, idleMs, settleMs as usualSettleMs } from './pace.js';
import { answered, createIncidents } from './incidents.js';
import { pinFileOf, watchPinFile } from './pin-file.js';
import { createPinWatch, doubtsPin } from './pin-watch.js';
import { createRequestFinder } from './find-requests.js';
import { createRefusalWatch, type RefusalWatchMeans, type Refused } from './refusal-watch.js';
import { createIncidentEvents } from './incident-events.js';
import { createTreatment } from './treat.js';

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
  /** Between two rounds at least, milliseconds. */
  readonly settleMs?: number;
}

const ledgerTimeoutMs = 30_000;
/** Whose end nothing shows but the ledger: certmonger's request stays as it is. */
const endsInLedger: ReadonlySet<string> = new Set(['saving-left', 'saving-stopped', 'not-taken']);
/** Until the ledger is asked again that was not read for what came to rest. */
const unreadMs = 2000;

export function startHealer(context: InstanceContext, means: HealerMeans = {}): Healer {
  const { instance, requestCache, prober, events, log, clock, signal } = context;
  const {
    reconcile,
    ask = (refused: readonly Refused[]) => askIssuer(context, refused),
    random = Math.random,
    now = () => performance.now(),
    settleMs = usualSettleMs,
    readMemory = () => askService(context, 'read ledger', undefined, { timeoutMs: ledgerTimeoutMs }),
  } = means;
  const find = createRequestFinder(instance);
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
  const refusalWatch = createRefusalWatch({
    instance,
    ask,
    onAnswer: () => {
      nudge();
    },
    now,
  });
  let ofCertificates: ReadonlyMap<string, Diagnosis> = new Map();
  let ofInstance: readonly Diagnosis[] = [];
  let wake = new AbortController();
  const nudge = () => {
    wake.abort();
  };
  const look = () => {
    void looks.now().then(nudge);
  };

  const treatment = createTreatment(context, { looks, look, nudge, incidents, incidentEvents, reconcile, now });

  let watchedMs = -Infinity;
  /** By when it came in: a clock that was set back would make an earlier one the newest for as long. */
  const newestProbe = (): Probe | undefined => {
    const [watched, looked] = [prober.latest(), looks.since(-Infinity)];
    return watched !== undefined && (looked === undefined || watchedMs > looks.doneMs()) ? watched : looked;
  };

  const siteNow = (): SiteFacts => {
    const [probe, movedTo, trouble] = [
      newestProbe(),
      pin.movedTo(),
      requestCache.requests() === undefined ? requestCache.trouble() : undefined,
    ];
    return {
      ...siteFacts(clock(), instance),
      ...(trouble === undefined ? {} : { certmonger: { trouble } }),
      ...(probe === undefined ? {} : { probe }),
      ...(movedTo === undefined ? {} : { pinMovedTo: movedTo }),
    };
  };

  /** One in trouble: gives milliseconds until it is to be thought of again, and what the issuer refused it, if it did. */
  const attend = (examined: Examined, site: SiteFacts, diagnosis: Diagnosis): { readonly wait: number; readonly refused?: Refused } => {
    const { nickname, cached, probe } = examined;
    const causeSeen =
      probe !== undefined &&
      diagnosis.cure.by !== 'resubmit' &&
      diagnoseSite({ ...site, probe }).some(({ cause }) => cause === diagnosis.cause);
    const incident = incidents.open(nickname, { cause: diagnosis.cause, notAfter: cached?.request.certificate.notAfter, causeSeen });
    if (!answered.has(diagnosis.cause) || diagnosis.cure.by !== 'resubmit' || cached === undefined)
      return { wait: treatment.treat(examined, diagnosis, incident) };
    const { pem } = cached.request.certificate;
    const refused = { nickname, triedMs: incident.triedMs, ...(pem === undefined ? {} : { pem }) };
    if (refusalWatch.mended(refused)) incident.dueMs = 0;
    return { wait: treatment.treat(examined, diagnosis, incident), refused };
  };

  /** One that nothing is wrong with. */
  const leave = ({ nickname, cached, basis, well }: Examined): number => {
    if (well || cached?.request.status !== restingState) healthyCache.store(nickname, basis);
    if (well) {
      incidents.close(nickname);
      refusalWatch.forget(nickname);
    }
    return cached?.request.status === 'NEED_TO_SUBMIT' ? treatment.awaitSubmission(cached) : idleMs;
  };

  /** Gives milliseconds until the next one is due. */
  const round = async (): Promise<number> => {
    const cachedRequests = requestCache.requests();
    const requests = cachedRequests === undefined ? undefined : find(cachedRequests);
    const restedMs =
      requests === undefined ? -Infinity : Math.max(-Infinity, ...[...requests.values()].filter(asksLedger).map(({ sinceMs }) => sinceMs));
    const doubtfulMs = [...ofCertificates.values()].some(({ cause }) => endsInLedger.has(cause)) ? now() - idleMs / 2 : -Infinity;
    const remembered = await ledger.refresh(Math.max(restedMs, doubtfulMs));
    const site = siteNow();
    ofInstance = diagnoseSite(site);
    incidentEvents.ofInstance(ofInstance);
    if (requests === undefined || cachedRequests === undefined) {
      ofCertificates = new Map();
      // Before it comes back and each of its requests tries the PIN, twice.
      if (await pin.attend({ probe: site.probe, diagnoses: ofInstance, certmongerDoubts: false })) look();
      return idleMs;
    }
    const found = new Map<string, Diagnosis>();
    const waits: number[] = remembered ? [] : [unreadMs];
    const refused: Refused[] = [];
    for (const examined of examineAll({
      certificates: instance.certificates,
      site,
      cachedRequests,
      requests,
      memorySince: ledger.since,
      lookSince: looks.since,
      attempts: (nickname) => incidents.get(nickname)?.attempts ?? 0,
      stillWell: healthyCache.stillValid,
      nowMs: now(),
    })) {
      const { nickname, diagnosis, well } = examined;
      incidentEvents.ofCertificate(nickname, diagnosis, well);
      if (diagnosis === undefined) {
        waits.push(leave(examined));
        continue;
      }
      found.set(nickname, diagnosis);
      const attended = attend(examined, site, diagnosis);
      waits.push(attended.wait);
      if (attended.refused !== undefined) refused.push(attended.refused);
    }
    ofCertificates = found;
    waits.push(refusalWatch.consider(refused, site.probe?.ca?.ok === false));
    const certmongerDoubts = doubtsPin(requests.values(), found.values());
    if (await pin.attend({ probe: site.probe, diagnoses: ofInstance, certmongerDoubts })) look();
    return Math.max(settleMs, Math.min(idleMs, ...waits));
  };

  const work = async () => {
    const stops = [
      requestCache.onChange(nudge),
      prober.onProbe(() => {
        watchedMs = now();
        nudge();
      }),
    ];
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

/** The helper was heard, or is at its end. */
function asksLedger({ request: { status } }: CachedRequest): boolean {
  return status === restingState || status === 'CA_WORKING' || status === 'CA_UNREACHABLE';
}
