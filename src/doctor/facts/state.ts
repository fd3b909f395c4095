import type { IssuedRow } from '../../ledger/issued.js';
import type { Left } from '../../ledger/journal.js';
import type { OutcomeRow } from '../../ledger/outcomes.js';

/** What is remembered of an instance, seen as the service user. */
export interface StateFacts {
  /** What SQLite says is wrong with each of our databases; a sound one has no line. */
  readonly faults: readonly { readonly file: string; readonly fault: string }[];
  /** The latest time anything in the ledger was written; undefined while it is empty. */
  readonly newest?: Date;
  readonly outcomes: readonly OutcomeRow[];
  /** The latest certificate issued for each key and profile, unless revoked. */
  readonly issued: readonly Pick<IssuedRow, 'subjectKey' | 'profile' | 'subject' | 'notAfter' | 'issuedAt'>[];
  readonly savings: readonly UnfinishedSaving[];
  readonly refusedPins: readonly RefusedPin[];
  /** Requests taken over from others, as they were called then and are called since. */
  readonly takenOver: readonly { readonly id: string; readonly ours: string }[];
  /** Left by a helper that was too slow. */
  readonly watchdog?: { readonly at: Date; readonly message: string };
}

/** A PIN file whose PIN failed, and where it was moved to. */
export interface RefusedPin {
  readonly file: string;
  readonly aside: string;
  /** Whether there is a file in its place again. */
  readonly replaced: boolean;
}

export interface UnfinishedSaving {
  readonly nickname: string;
  /** The last step that was finished. */
  readonly step: string;
  readonly left: readonly Left[];
  readonly updatedAt: Date;
}
