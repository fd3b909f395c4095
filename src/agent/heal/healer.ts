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
import type { Care, Part } from '../instances/instance-context.js';
import { createTroubleLog } from '../log.js';
import type { Sighting } from '../requests/request-cache.js';
import { askIssuer } from './ask-issuer.js';
import { createCalm, surroundingsOf } from './healthy-cache.js';
import { applyRemedy, type Remedy } from './cure.js';
import { evidenceFor, examine, lockHoldersIn } from './examine.js';
import { createLedgerView } from './ledger-view.js';
import { createLooks } from './looks.js';
import type { Cost } from './next-try.js';
import { answered, createPatients, type Patient } from './incidents.js';
import { pinFileOf, watchPinFile } from './pin-file.js';
import { createPinWatch } from './pin-watch.js';
import { createFinder, heldKey } from './find-requests.js';
import { createProspects, type ProspectsMeans, type Refused } from './refusal-watch.js';
import { createTeller } from './incident-events.js';

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
  readonly ask?: ProspectsMeans['ask'];
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

export function startHealer(care: Care, means: HealerMeans = {}): Healer {
  const { instance, picture, prober, events, log, clock, signal } = care;
  const {
    reconcile,
    ask = (refused: readonly Refused[]) => askIssuer(care, refused),
    random = Math.random,
    now = () => performance.now(),
    readMemory = () => askService(care, 'read ledger', undefined, { timeoutMs: ledgerTimeoutMs }),
  } = means;
  const find = createFinder(instance);
  const costOf = costIn(instance);
  const looks = createLooks(prober, now);
  const ledger = createLedgerView(readMemory, now, createTroubleLog(log));
  const calm = createCalm(clock, now);
  const patients = createPatients({ clock, now, random });
  const teller = createTeller({ instance: instance.name, events, clock, now });
  const pinFile = pinFileOf(care);
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
  const prospects = createProspects({
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
    const [probe, movedTo, trouble] = [newest(), pin.movedTo(), picture.requests() === undefined ? picture.trouble() : undefined];
    return {
      ...siteFacts(clock(), instance),
      ...(trouble === undefined ? {} : { certmonger: { trouble } }),
      ...(probe === undefined ? {} : { probe }),
      ...(movedTo === undefined ? {} : { pinMovedTo: movedTo }),
    };
  };

  /** Gives milliseconds until the next one is due. */
  const round = async (): Promise<number> => {
    const sightings = picture.requests();
    const requests = sightings === undefined ? undefined : find(sightings);
    const restedMs =
      requests === undefined ? -Infinity : Math.max(-Infinity, ...[...requests.values()].filter(asksLedger).map(({ sinceMs }) => sinceMs));
    const remembered = await ledger.refresh(restedMs);
    const site = siteNow();
    ofInstance = diagnoseSite(site);
    teller.ofInstance(ofInstance);
    if (requests === undefined || sightings === undefined) {
      ofCertificates = new Map();
      // Before it comes back and each of its requests tries the PIN, twice.
      if (await pin.attend(site.probe, ofInstance, false)) look();
      return idleMs;
    }
    const lockHolders = lockHoldersIn(sightings);
    const surroundings = surroundingsOf(site);
    const found = new Map<string, Diagnosis>();
    const waits: number[] = remembered ? [] : [2000];
    const refused: Refused[] = [];
    for (const config of instance.certificates) {
      const { nickname } = config;
      const sighting = requests.get(nickname);
      const memory = sighting === undefined ? undefined : ledger.since(sighting.sinceMs);
      const basis = { sighting, memory, surroundings };
      if (calm.still(nickname, basis)) continue;
      const probe = sighting === undefined ? site.probe : evidenceFor(sighting, site.probe, looks.since);
      const diagnosis = examine({
        site,
        config,
        sighting,
        key: sighting === undefined ? undefined : heldKey(sighting.request),
        probe,
        memory,
        tries: patients.get(nickname)?.attempts ?? 0,
        lockHolders,
        nowMs: now(),
      });
      // What the helper wrote down last may say otherwise: as long as that was not read it is not known to be well.
      const well = diagnosis === undefined && sighting?.request.status === restingState && ledger.since(sighting.sinceMs) !== undefined;
      teller.ofCertificate(nickname, diagnosis, well);
      if (diagnosis === undefined) {
        if (well || sighting?.request.status !== restingState) calm.foundWell(nickname, basis);
        if (well) {
          patients.discharge(nickname);
          prospects.forget(nickname);
        }
        if (sighting?.request.status === 'NEED_TO_SUBMIT') waits.push(submitsNot(sighting));
        continue;
      }
      found.set(nickname, diagnosis);
      const present =
        probe !== undefined &&
        diagnosis.cure.by !== 'resubmit' &&
        diagnoseSite({ ...site, probe }).some(({ cause }) => cause === diagnosis.cause);
      const patient = patients.admit(nickname, diagnosis, sighting?.request.certificate.notAfter, present);
      if (answered.has(diagnosis.cause) && diagnosis.cure.by === 'resubmit' && sighting !== undefined) {
        const { pem } = sighting.request.certificate;
        refused.push({ nickname, triedMs: patient.triedMs, ...(pem === undefined ? {} : { pem }) });
        if (prospects.mended({ nickname, triedMs: patient.triedMs })) patient.dueMs = 0;
      }
      waits.push(act(nickname, sighting, diagnosis, patient, sighting !== undefined && probe === undefined));
    }
    ofCertificates = found;
    waits.push(prospects.consider(refused, site.probe?.ca?.ok === false));
    const suspect =
      [...requests.values()].some(({ request }) => (pinStates as readonly string[]).includes(request.status)) ||
      [...found.values()].some(({ cause }) => cause === 'saving-fails');
    if (await pin.attend(site.probe, ofInstance, suspect)) look();
    return Math.max(settleMs, Math.min(idleMs, ...waits));
  };

  /** Does what is due for one; gives milliseconds until it is to be thought of again. */
  const act = (
    nickname: string,
    sighting: Sighting | undefined,
    { cause, cure }: Diagnosis,
    patient: Patient,
    unknown: boolean,
  ): number => {
    if (busy.has(nickname)) return idleMs;
    switch (cure.by) {
      case 'resubmit':
      case 'refresh':
      case 'restart':
        return sighting === undefined ? idleMs : treat(nickname, sighting, cause, cure.by, patient);
      case 'reconcile':
        return reconcileFor(nickname, patient);
      case 'waiting':
      case 'move PIN aside':
        return unseen.has(cause) ? idleMs : lookFor(patient, unknown);
      case 'a person':
        return idleMs;
    }
  };

  /** This state passes at once where the helper can be run: only a whole look tells whether it can. */
  const submitsNot = ({ sinceMs }: Sighting): number => {
    const wait = sinceMs + lookMs.least - now();
    if (wait <= 0 && looks.askedMs() < sinceMs) look();
    return wait <= 0 ? idleMs : wait;
  };

  const lookFor = ({ sinceMs }: Patient, unknown: boolean): number => {
    const unlooked = unknown || looks.askedMs() < sinceMs;
    const pause = unlooked ? lookMs.least : now() - sinceMs < lookMs.laterAfter ? lookMs.first : lookMs.later;
    const wait = looks.askedMs() + pause - now();
    if (wait > 0) return wait;
    look();
    return pause;
  };

  const treat = (nickname: string, { request }: Sighting, cause: string, remedy: Remedy, patient: Patient): number => {
    const wait = patient.dueMs - now();
    if (wait > 0) return wait;
    const { nickname: id, status } = request;
    patients.treat(patient, request.certificate.notAfter, remedy === 'refresh' ? 'question' : costOf(cause));
    busy.add(nickname);
    const done = async () => {
      try {
        const treated = await applyRemedy(care, remedy, { nickname, id, status });
        if (treated === 'taken') {
          teller.treated(nickname, remedy);
          log('info', `'${nickname}': ${remedy} after '${cause}' (state ${status}).`);
          await picture.refresh(id);
        } else {
          patient.attempts -= 1;
          patient.dueMs = now() + (treated === 'not taken' ? again.untaken : again.hindered);
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

  const reconcileFor = (nickname: string, patient: Patient): number => {
    const wait = patient.dueMs - now();
    if (reconcile === undefined || wait > 0) return reconcile === undefined ? idleMs : wait;
    patients.treat(patient, undefined, 'request');
    teller.treated(nickname, 'reconcile');
    reconcile();
    return idleMs;
  };

  const work = async () => {
    const stops = [picture.onChange(nudge), prober.onProbe(nudge)];
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
function costIn({ issuer, agent }: Care['instance']): (cause: string) => Cost {
  return (cause) => (answered.has(cause) && issuer.type !== 'token' && agent.signMinutes > 0 ? 'blind request' : 'request');
}

/** The helper was heard, or is at its end. */
function asksLedger({ request: { status } }: Sighting): boolean {
  return status === restingState || status === 'CA_WORKING' || status === 'CA_UNREACHABLE';
}
