import { afterSaving, beforeSaving, finishSaving, resumeSaving, type Resumed, type SaveReport } from '../../renewal/save.js';
import type { SavingContext } from '../../renewal/saving-context.js';
import { run } from '../../platform/run.js';
import type { ServiceContext } from '../context.js';

interface Which {
  readonly nickname: string;
}

const saving = (context: ServiceContext): SavingContext => ({ ...context, run });

export function savingAhead(context: ServiceContext, { nickname }: Which): Promise<string[]> {
  return beforeSaving(saving(context), nickname);
}

export function savingDone(context: ServiceContext, { nickname }: Which): Promise<SaveReport> {
  return afterSaving(saving(context), nickname);
}

/** Finishes every interrupted saving. Where a report asks for a restart, root does it and then asks for 'finish saving'. */
export function savingResumed(context: ServiceContext): Promise<Resumed[]> {
  return resumeSaving(saving(context));
}

export function savingFinished(context: ServiceContext, { nickname }: Which): Promise<void> {
  finishSaving(saving(context), nickname);
  return Promise.resolve();
}
