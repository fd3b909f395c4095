import type { Condition } from './conditions.js';
import type { Cure, Severity } from './diagnosis.js';

/** One row of the table: it holds where all its conditions do. */
export interface Row<F> {
  /** Stable word for programs; several rows may have one: the same trouble, known better or worse, or already over. */
  readonly cause: string;
  /** States of the request; any where absent. */
  readonly states?: readonly string[];
  readonly when: readonly Condition<F>[];
  readonly severity: Severity;
  /** What is wrong, whole. */
  readonly sentence: (facts: F) => string;
  /** The sentence is somebody else's that says itself what to do. */
  readonly quoted?: true;
  readonly cure: Cure['by'];
  /** What a person does. */
  readonly advice: string | ((facts: F) => string);
}
