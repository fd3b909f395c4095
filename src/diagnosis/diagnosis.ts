/** What is wrong with one request, or with what all of an instance's need. */
export interface Diagnosis {
  /** Stable word for programs, such as 'token-away'; a row of the table (table.ts, docs/diagnosis.md). */
  readonly cause: string;
  readonly severity: Severity;
  /** What is wrong, a whole sentence. */
  readonly sentence: string;
  readonly cure: Cure;
}

/** critical: nothing renews until somebody acts. error: this one does not. warning: it is being healed, or is not urgent. */
export type Severity = 'warning' | 'error' | 'critical';

/** `advice`: what a person does, a whole sentence. What the agent does alone, it does only where `alone` is true. */
export type Cure =
  | { readonly by: 'waiting'; readonly advice: string; readonly alone: true }
  | { readonly by: 'resubmit' | 'refresh'; readonly advice: string; readonly alone: true }
  /**
   * certmonger reads key and certificate again and goes on from there: what a resubmit cannot do before the key is known, when it would
   * make one (tdbush.c:3719).
   */
  | { readonly by: 'restart'; readonly advice: string; readonly alone: true }
  /** The PIN file is moved aside, so that certmonger spends no more attempts. */
  | { readonly by: 'move PIN aside'; readonly advice: string; readonly alone: true }
  | { readonly by: 'reconcile'; readonly advice: string; readonly alone: true }
  | { readonly by: 'a person'; readonly advice: string; readonly alone: false };
