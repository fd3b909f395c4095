import { setMaxListeners } from 'node:events';
import type { Instance } from '../config/instance.js';
import { tokenViews } from '../config/token-views.js';
import type { Care, Part } from './care.js';
import { startChronicle, type Chronicle } from './chronicle.js';
import { attend } from './follow/attend.js';
import { startHealer, type Healer } from './heal/healer.js';
import { wholeHealer, wholeProber, withPinKept, type TokenCare } from './one-token.js';
import { startRenewer, type Renewer } from './calendar/renewer.js';
import { startProber } from './probe/start-prober.js';
import { startNetscapeGuard } from './reconcile/netscape-guard.js';
import { startReconciler, type Reconciler } from './reconcile/reconciler.js';

export interface CaretakerGiven extends Omit<Care, 'instances' | 'conf' | 'signal' | 'prober'> {
  /** Both as they are at the moment asked: what changes there restarts no caretaker. */
  readonly conf: () => Care['conf'];
  readonly instances: () => readonly Instance[];
  /** Milliseconds between two polls of the directory. */
  readonly pollMs: number;
}

/** Looks after one instance, as its file was read, until it is told to stop. */
export interface Caretaker {
  readonly instance: Instance;
  /** What its parts work with. */
  readonly care: Care;
  /** One for each of its tokens, its own first; one where it has none. */
  readonly tokens: readonly TokenCare[];
  readonly healer: Healer;
  readonly reconciler: Reconciler;
  readonly renewer: Renewer;
  readonly chronicle: Chronicle;
  /** certmonger said something. */
  nudge(): void;
  /** Until every part has ended, and with it every child. */
  stop(): Promise<void>;
}

export async function startCaretaker({ pollMs, instances, conf, ...given }: CaretakerGiven): Promise<Caretaker> {
  const { instance, directories, certmonger, log } = given;
  const stopping = new AbortController();
  const { signal } = stopping;
  // One or two for each part and each child: more than Node.js's ten, and far from what a leak would make of it in a day.
  setMaxListeners(50, signal);
  const probers = tokenViews(instance).map((view) => ({
    view,
    prober: startProber({ instance: view, directories, log, clock: given.clock, signal, certmonger }),
  }));
  const prober = wholeProber(
    instance,
    probers.map((one) => [one.view.partOn, one.prober]),
  );
  const careOf = (of: Pick<Care, 'instance' | 'prober'>): Care => ({
    ...given,
    ...of,
    signal,
    get conf() {
      return conf();
    },
    get instances() {
      return instances();
    },
  });
  const care = careOf({ instance, prober });
  const cares = probers.map((one) => careOf({ instance: one.view, prober: one.prober }));
  // Before all others: where a PIN is to be put in place, nothing asks for it before that.
  const kept = await Promise.all(cares.map(withPinKept));
  const reconciler = startReconciler(care);
  const netscapeGuard = startNetscapeGuard(care);
  const tokens = kept.map((one): TokenCare => ({
    ...one,
    healer: startHealer(one.care, {
      reconcile: () => {
        reconciler.notice();
      },
    }),
  }));
  const healer = wholeHealer(tokens.map((one) => one.healer));
  const renewer = startRenewer(care);
  const chronicle = startChronicle(care);
  const follower =
    instance.directory === undefined ? undefined : attend({ instance, directories, certmonger, prober, pollMs, log, signal });
  if (follower !== undefined) log('info', 'following the renewal master.');
  const parts: readonly Part[] = [
    prober,
    ...tokens.map((one) => one.pinKeeper),
    healer,
    reconciler,
    netscapeGuard,
    renewer,
    chronicle,
    ...(follower === undefined ? [] : [follower]),
  ];
  return {
    instance,
    care,
    tokens,
    healer,
    reconciler,
    renewer,
    chronicle,
    nudge: () => follower?.nudge(),
    async stop() {
      stopping.abort();
      await Promise.all(parts.map(({ ended }) => ended));
    },
  };
}
