import { setMaxListeners } from 'node:events';
import type { Instance } from '../../config/instance.js';
import { tokenViews } from '../../config/token-views.js';
import type { InstanceContext, Part } from './instance-context.js';
import { startRenewalHistory, type RenewalHistory } from '../report/renewal-history.js';
import { startFollowing } from '../follow/start-following.js';
import { startHealer, type Healer } from '../heal/healer.js';
import { combinedHealer, combinedProber, withPinKept, type SupervisedToken } from './supervised-token.js';
import { startRenewer, type Renewer } from '../calendar/renewer.js';
import { startProber } from '../probe/start-prober.js';
import { startNetscapeGuard } from '../reconcile/netscape-guard.js';
import { startReconciler, type Reconciler } from '../reconcile/reconciler.js';

export interface InstanceSupervisorGiven extends Omit<InstanceContext, 'instances' | 'conf' | 'signal' | 'prober'> {
  /** Both as they are at the moment asked: what changes there restarts no supervisor. */
  readonly conf: () => InstanceContext['conf'];
  readonly instances: () => readonly Instance[];
  /** Milliseconds between two polls of the directory. */
  readonly pollMs: number;
}

/** Looks after one instance, as its file was read, until it is told to stop. */
export interface InstanceSupervisor {
  readonly instance: Instance;
  /** What its parts work with. */
  readonly context: InstanceContext;
  /** One for each of its tokens, its own first; one where it has none. */
  readonly tokens: readonly SupervisedToken[];
  readonly healer: Healer;
  readonly reconciler: Reconciler;
  readonly renewer: Renewer;
  readonly renewalHistory: RenewalHistory;
  /** certmonger said something. */
  nudge(): void;
  /** Until every part has ended, and with it every child. */
  stop(): Promise<void>;
}

export async function startInstanceSupervisor({ pollMs, instances, conf, ...given }: InstanceSupervisorGiven): Promise<InstanceSupervisor> {
  const { instance, directories, certmonger, log } = given;
  const stopping = new AbortController();
  const { signal } = stopping;
  // One or two for each part and each child: more than Node.js's ten, and far from what a leak would make of it in a day.
  setMaxListeners(50, signal);
  const probers = tokenViews(instance).map((view) => ({
    view,
    prober: startProber({ instance: view, directories, log, clock: given.clock, signal, certmonger }),
  }));
  const prober = combinedProber(
    instance,
    probers.map((one) => [one.view.partOn, one.prober]),
  );
  const careOf = (of: Pick<InstanceContext, 'instance' | 'prober'>): InstanceContext => ({
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
  const context = careOf({ instance, prober });
  const contexts = probers.map((one) => careOf({ instance: one.view, prober: one.prober }));
  // Before all others: where a PIN is to be put in place, nothing asks for it before that.
  const kept = await Promise.all(contexts.map(withPinKept));
  const reconciler = startReconciler(context);
  const netscapeGuard = startNetscapeGuard(context);
  const tokens = kept.map((one): SupervisedToken => ({
    ...one,
    healer: startHealer(one.context, {
      reconcile: () => {
        reconciler.notice();
      },
    }),
  }));
  const healer = combinedHealer(tokens.map((one) => one.healer));
  const renewer = startRenewer(context);
  const renewalHistory = startRenewalHistory(context);
  const follower =
    instance.directory === undefined ? undefined : startFollowing({ instance, directories, certmonger, prober, pollMs, log, signal });
  if (follower !== undefined) log('info', 'following the renewal master.');
  const parts: readonly Part[] = [
    prober,
    ...tokens.map((one) => one.pinKeeper),
    healer,
    reconciler,
    netscapeGuard,
    renewer,
    renewalHistory,
    ...(follower === undefined ? [] : [follower]),
  ];
  return {
    instance,
    context,
    tokens,
    healer,
    reconciler,
    renewer,
    renewalHistory,
    nudge: () => follower?.nudge(),
    async stop() {
      stopping.abort();
      await Promise.all(parts.map(({ ended }) => ended));
    },
  };
}
