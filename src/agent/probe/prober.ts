import type { Probe } from '../../diagnosis/probe.js';

/**
 * Looks at what an instance's renewals need besides certmonger, in a process of the service user that stays, and keeps the token's session
 * alive.
 */
export interface Prober {
  /**
   * The last look; undefined before the first. Of an instance with several tokens, the one at the token that certificate lies on; the
   * instance's own without a nickname.
   */
  latest(nickname?: string): Probe | undefined;
  /** Returns the way to end that. Told after each look. */
  onProbe(listener: (probe: Probe) => void): () => void;
  /**
   * Looks now, with new eyes: a process of its own that opens module and token anew, as certmonger's children do. Looks asked for meanwhile
   * are one.
   */
  look(): Promise<Probe>;
  /**
   * Before certmonger is made to log in: logs in with the PIN that is in its source now, once, unless that very one was proven a moment
   * ago. Signs nothing. Rejects with why certmonger would get nowhere: the PIN_ code, or TOKEN_NOT_FOUND and the like. Where the instance
   * has no token there is nothing to prove.
   */
  prove(nickname?: string): Promise<void>;
  /** Signatures made so far by this agent for this instance, or on the token that certificate lies on. */
  signatures(nickname?: string): number;
}
