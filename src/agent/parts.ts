import type { Diagnosis } from '../diagnosis/diagnosis.js';
import type { Care, Part } from './care.js';
import { startHealer } from './heal/healer.js';
import type { Prober } from './probe/prober.js';
import { startProber } from './probe/start-prober.js';
import { startNotifier } from './show/notify/notifier.js';
import { startShow } from './show/show.js';
import type { SharedGiven } from './shared.js';

/** What the agent asks of the pieces of an instance's care; each has more for those that use it directly. */
export interface Healer extends Part {
  /** Of requests, by nickname of the certificate. */
  diagnoses(): ReadonlyMap<string, Diagnosis>;
  /** Of the instance as a whole. */
  instance(): readonly Diagnosis[];
}

export interface Reconciler extends Part {
  latest(): { readonly at: Date; readonly changes: number; readonly refusals: readonly string[] } | undefined;
}

export interface Renewer extends Part {
  calendar(): readonly { readonly nickname: string; readonly from: Date; readonly to: Date; readonly planned: Date }[];
}

/** How each is started. */
export interface Starters {
  readonly prober: (given: Pick<Care, 'instance' | 'directories' | 'log' | 'clock' | 'signal' | 'certmonger'>) => Prober & Part;
  /** Before all others: where the PIN is to be put in place, nothing asks for it before that. */
  readonly pinKeeper: (care: Care) => Promise<Part>;
  readonly healer: (care: Care) => Healer;
  readonly reconciler: (care: Care) => Reconciler;
  readonly renewer: (care: Care) => Renewer;
}

const ended = Promise.resolve();

export const starters: Starters = {
  prober: startProber,
  pinKeeper: () => Promise.resolve({ ended }),
  healer: startHealer,
  reconciler: () => ({ latest: () => undefined, ended }),
  renewer: () => ({ calendar: () => [], ended }),
};

/** Of all instances together: `lasting` as long as the agent, `anew` whenever agent.conf changed. */
export const sharedStarters: { readonly lasting: readonly ((given: SharedGiven) => Part)[]; readonly anew: readonly ((given: SharedGiven) => Part)[] } = { lasting: [], anew: [startShow, startNotifier] };
