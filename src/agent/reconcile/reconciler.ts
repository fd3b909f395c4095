import { requestIds } from '../../config/request-id.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { survey, type Survey } from '../../tracking/survey.js';
import { createWaker } from '../timing/waker.js';
import type { InstanceContext, Part } from '../instances/instance-context.js';
import { createTroubleLog } from '../log.js';
import { mayBeDrift } from './drift.js';
import { judgeSurvey } from './judge-survey.js';
import { createKeyChanges } from './key-changes.js';
import { createChangeExecutor } from './execute-changes.js';
import { anyTokenReady, fileReady, type Unready } from './readiness.js';
import { createDifferenceEvents } from './difference-events.js';
import { described } from './sentences.js';

/** Keeps certmonger's requests as the instance file says, as far as that is safe without a person. */
export interface Reconciler extends Part {
  /** The last comparison; undefined before the first. */
  latest(): Reconciled | undefined;
  /** Compares and changes nothing: what `hsmonger track plan` shows. Rejects with what cannot be seen. Logs in to the token. */
  plan(): Promise<Survey>;
  /**
   * Compares and does what is safe, now; only compares where the instance file says `reconcile = "report"`. PREFLIGHT_FAILED where the last
   * look says that it would not do.
   */
  reconcile(): Promise<Reconciled>;
  /** Something may not be as the file says: compared and made right like all that is noticed, once nothing has changed for a while. */
  notice(): void;
}

export interface Reconciled {
  readonly at: Date;
  /** Changes made. */
  readonly changes: number;
  /** What is not as it should be, and was not changed: whole sentences. */
  readonly refusals: readonly string[];
}

/** Milliseconds. */
export interface ReconcilerPace {
  /** Between two comparisons where nothing seems to have changed. */
  readonly everyMs: number;
  /** So long nothing may change before a comparison: `track apply`, `setup` and `unsetup` change requests one after another. */
  readonly quietMs: number;
  /** But no longer than that; so long also where certmonger is at work on what differs. */
  readonly mostMs: number;
  /** Until the next try where something was in the way. */
  readonly againMs: number;
}

const usualPace: ReconcilerPace = { everyMs: 3_600_000, quietMs: 60_000, mostMs: 600_000, againMs: 120_000 };

export function startReconciler(context: InstanceContext, pace: ReconcilerPace = usualPace): Reconciler {
  const { instance, directories, certmonger, requestCache, prober, events, log, clock, signal } = context;
  const place = { instance, directories };
  const ids = new Set(requestIds(instance).values());
  const waker = createWaker(signal);
  const troubled = createTroubleLog(log);
  const keys = createKeyChanges();
  const differences = createDifferenceEvents({ instance: instance.name, events, log, clock });
  const executor = createChangeExecutor(context);
  let latest: Reconciled | undefined;
  let nextMs = -Infinity;
  let driftMs: number | undefined;
  let changedMs = -Infinity;
  let turn: Promise<unknown> = Promise.resolve();

  const ends = [
    requestCache.onChange((change) => {
      if (!mayBeDrift(change, instance, ids)) return;
      changedMs = performance.now();
      driftMs ??= changedMs;
      waker.wake();
    }),
    prober.onProbe(() => {
      waker.wake();
    }),
  ];

  /** One after another: tokens do not like company. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work);
    turn = mine.catch(() => undefined);
    return mine;
  };

  const look = () => certmonger.use((connected) => survey(place, connected));

  const reconcile = async (): Promise<Reconciled> => {
    const found = await look();
    const { todo, later, reports: unsafe } = judgeSurvey(instance, found, keys);
    const only = instance.agent.reconcile === 'report';
    const fought = todo.filter((change) => only || executor.often(change));
    const steps = await executor.execute(todo.filter((change) => !fought.includes(change)));
    const failed = steps.filter(({ outcome }) => outcome !== 'done').map(({ message = '' }) => message);
    const left = fought.map((change) =>
      only
        ? `${described(change)} It would be set right, but ${instance.file} says reconcile = "report"; run 'hsmonger track apply'.`
        : `${described(change)} It was set right again and again within an hour and is left alone for now; find out who changes it.`,
    );
    latest = {
      at: clock(),
      changes: steps.filter(({ outcome }) => outcome === 'done' || outcome === 'stuck').length,
      refusals: [...unsafe, ...left, ...failed],
    };
    differences.tell(latest.refusals);
    if (later.length > 0) nextMs = performance.now() + pace.mostMs;
    return latest;
  };

  /** Why not now; undefined where the way is free. */
  const unready = (): Unready | undefined =>
    requestCache.requests() === undefined ? { kind: 'unknown' } : (anyTokenReady(instance, prober) ?? fileReady(directories, instance));

  const asked = async () => {
    const obstacle = unready();
    if (obstacle?.kind === 'obstacle')
      throw new HsmongerError(
        'PREFLIGHT_FAILED',
        `certmonger's requests of instance '${instance.name}' cannot be set right now: ${obstacle.why}`,
      );
    return reconcile();
  };

  const waitMs = (now: number): number => {
    const quiet = driftMs === undefined ? Infinity : Math.min(changedMs + pace.quietMs, driftMs + pace.mostMs);
    return Math.min(nextMs, quiet) - now;
  };

  const work = async () => {
    while (!signal.aborted) {
      waker.reset();
      const ms = waitMs(performance.now());
      if (ms > 0) {
        await waker.sleep(ms);
        continue;
      }
      const obstacle = unready();
      if (obstacle !== undefined) {
        if (obstacle.kind === 'obstacle') hindered(obstacle.why);
        await waker.sleep(pace.againMs);
        continue;
      }
      driftMs = undefined;
      nextMs = performance.now() + pace.everyMs;
      try {
        await inTurn(reconcile);
        troubled.over("certmonger's requests can be compared with the instance file again.");
      } catch (error) {
        hindered(sentenceOf(error));
        nextMs = performance.now() + pace.againMs;
      }
    }
    for (const end of ends) end();
    await turn;
  };

  const hindered = (why: string) => {
    troubled.trouble(`certmonger's requests are not compared with the instance file: ${why}`);
    latest = { at: clock(), changes: 0, refusals: [why] };
  };

  const notice = () => {
    driftMs ??= performance.now();
    waker.wake();
  };

  return { notice, latest: () => latest, plan: () => inTurn(look), reconcile: () => inTurn(asked), ended: work() };
}
