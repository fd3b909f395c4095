import type { Probe } from '../../diagnosis/probe.js';

/** Looks at what an instance's renewals need besides certmonger, in a process of the service user that stays, and keeps the token's session alive. */
export interface Prober {
  /** The last look; undefined before the first. */
  latest(): Probe | undefined;
  /** Returns the way to end that. Told after each look. */
  onProbe(listener: (probe: Probe) => void): () => void;
  /** Looks now, with new eyes: a process of its own that opens module and token anew, as certmonger's children do. Looks asked for meanwhile are one. */
  look(): Promise<Probe>;
  /** Signatures made so far by this agent for this instance. */
  signatures(): number;
}
