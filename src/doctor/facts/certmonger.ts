import type { TrackingFacts } from '../../tracking/facts.js';
import type { Warning } from '../../tracking/freeipa-table.js';
import type { Change } from '../../tracking/plan.js';
import type { Refusal } from '../../tracking/preflight.js';
import type { Fact } from '../facts.js';

/** certmonger as it runs, and what it does for us. */
export interface CertmongerFacts {
  /** Its own word, '0.79.17'; undefined where it did not say. */
  readonly version: string | undefined;
  /** Its program was replaced since it started, as an update without a restart does. */
  readonly replaced: boolean;
  readonly confFile: string;
  /** What [defaults] of its configuration says. */
  readonly settings: ReadonlyMap<string, string>;
  readonly requests: TrackingFacts['requests'];
  readonly cas: TrackingFacts['cas'];
  /** What would have to change, and what speaks against it. */
  readonly tracking: Fact<TrackingLook>;
}

export interface TrackingLook {
  readonly changes: readonly Change[];
  readonly refusals: readonly Refusal[];
  readonly warnings: readonly Warning[];
}
