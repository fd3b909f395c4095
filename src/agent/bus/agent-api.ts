import type { AgentSnapshot } from '../report/snapshot.js';

/**
 * What may be asked of the agent over the bus. Failures are HsmongerErrors; `instance` is checked by whoever answers: USAGE with the names
 * there are.
 */
export interface AgentApi {
  snapshot(): AgentSnapshot;
  plan(instance: string): Promise<PlanAnswer>;
  reconcile(instance: string): Promise<ReconcileAnswer>;
  /** Each gives a sentence that says what was done. */
  renew(instance: string, nickname: string): Promise<string>;
  unlock(instance: string): Promise<string>;
  reload(): Promise<string>;
}

/** Words by name: what goes over the bus as a{ss}. */
export type Row = Readonly<Record<string, string>>;

export interface PlanAnswer {
  readonly changes: readonly Row[];
  readonly refusals: readonly Row[];
}

export interface ReconcileAnswer {
  readonly steps: readonly Row[];
  /** Changes that are not safe to make, and refusals. */
  readonly left: readonly Row[];
}
