import {
  afterSaving,
  beforeSaving,
  finishSaving,
  pendingSavings,
  prepareSaving,
  resumeSaving,
  type Pending,
  type Resumed,
  type SaveReport,
} from '../../../renewal/save.js';
import type { SavingContext } from '../../../renewal/saving-context.js';
import { run } from '../../../platform/run.js';
import type { ServiceContext } from '../../context.js';

interface Which {
  readonly nickname: string;
}

/** Why the PKI server runs though files it writes are to be changed. */
interface Surroundings {
  readonly serverRuns?: string | undefined;
}

const saving = (context: ServiceContext, { serverRuns }: Surroundings = {}): SavingContext => ({
  ...context,
  run,
  ...(serverRuns === undefined ? {} : { serverRuns }),
});

export function savingAhead(context: ServiceContext, { nickname }: Which): Promise<string[]> {
  return beforeSaving(saving(context), nickname);
}

export function savingPrepared(context: ServiceContext, { nickname }: Which): Promise<void> {
  return prepareSaving(saving(context), nickname);
}

export function savingDone(context: ServiceContext, { nickname, ...surroundings }: Which & Surroundings): Promise<SaveReport> {
  return afterSaving(saving(context, surroundings), nickname);
}

export function savingsPending(context: ServiceContext): Promise<Pending> {
  return pendingSavings(saving(context));
}

/** Finishes every interrupted saving. Where a report asks for a restart, root does it and then asks for 'finish saving'. */
export function savingResumed(context: ServiceContext, surroundings: Surroundings | undefined): Promise<Resumed[]> {
  return resumeSaving(saving(context, surroundings));
}

export function savingFinished(context: ServiceContext, { nickname }: Which): Promise<void> {
  finishSaving(saving(context), nickname);
  return Promise.resolve();
}
