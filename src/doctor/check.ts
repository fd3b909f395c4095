import type { DoctorFacts } from './facts.js';
import type { Finding } from './finding.js';

/** One idea each: facts in, findings out; no IO. A check with nothing to say about anything gives one 'success'. */
export interface Check {
  /** What it is about: 'hsmonger.token', 'hsmonger.certmonger', …: one for each folder of checks. */
  readonly source: string;
  /** Stable, in the manner of ipa-healthcheck: 'TokenPresent'. */
  readonly name: string;
  /** For --list and the docs, one sentence. */
  readonly about: string;
  readonly run: (facts: DoctorFacts) => readonly Finding[];
}
