import type { Instance } from '../config/instance.js';
import type { Care, Part } from './care.js';
import { startChronicle, type Chronicle } from './chronicle.js';
import { attend } from './follow/attend.js';
import { starters, type Healer, type Reconciler, type Renewer } from './parts.js';

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
  const prober = starters.prober({ instance, directories, log, clock: given.clock, signal, certmonger });
  const care: Care = {
    ...given,
    prober,
    signal,
    get conf() {
      return conf();
    },
    get instances() {
      return instances();
    },
  };
  const pinKeeper = await starters.pinKeeper(care);
  const healer = starters.healer(care);
  const reconciler = starters.reconciler(care);
  const renewer = starters.renewer(care);
  const chronicle = startChronicle(care);
  const follower = instance.directory === undefined ? undefined : attend({ instance, directories, certmonger, pollMs, log, signal });
  if (follower !== undefined) log('info', 'following the renewal master.');
  const parts: readonly Part[] = [prober, pinKeeper, healer, reconciler, renewer, chronicle, ...(follower === undefined ? [] : [follower])];
  return {
    instance,
    care,
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
