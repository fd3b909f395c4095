import type { Instance } from '../config/instance.js';

/** Everything the checks look at, gathered before any of them runs (cli/doctor/gather). What could not be asked says so itself. */
export interface DoctorFacts {
  readonly instance: Instance;
  readonly now: Date;
}

/** A part of the facts: what was found, or why it could not be asked, as a sentence. */
export type Fact<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly why: string };
