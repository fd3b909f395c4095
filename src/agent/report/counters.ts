import type { AgentEvent, Events } from './events.js';
import type { Counters } from './snapshot.js';

/** Counts what is told, and signatures, since the agent was started; a reload does not begin anew. */
export interface Counting {
  /** `signatures`: of the instances looked after now, by name. */
  counters(signatures: ReadonlyMap<string, number>): Counters;
  /** An instance's parts end, with so many signatures made. */
  keepSignatures(instance: string, count: number): void;
}

export function createCounting(events: Pick<Events, 'on'>): Counting {
  const renewals = new Map<string, { instance: string; nickname: string; count: number }>();
  const failures = new Map<string, { instance: string; cause: string; count: number }>();
  const heals = new Map<string, { instance: string; cause: string; count: number }>();
  const signed = new Map<string, number>();
  events.on(({ kind, instance, nickname = '', details }: AgentEvent) => {
    const cause = details?.['cause'] ?? 'unknown';
    if (kind === 'renewed') count(renewals, { instance, nickname });
    else if (kind === 'failed') count(failures, { instance, cause });
    else if (kind === 'healed') count(heals, { instance, cause });
  });
  return {
    counters: (signatures) => ({
      renewals: copies(renewals),
      failures: copies(failures),
      heals: copies(heals),
      signatures: [...new Set([...signed.keys(), ...signatures.keys()])].map((instance) => ({
        instance,
        count: (signed.get(instance) ?? 0) + (signatures.get(instance) ?? 0),
      })),
    }),
    keepSignatures: (instance, made) => {
      signed.set(instance, (signed.get(instance) ?? 0) + made);
    },
  };
}

function count<T extends object>(of: Map<string, T & { count: number }>, what: T): void {
  const key = JSON.stringify(what);
  const known = of.get(key);
  if (known === undefined) of.set(key, { ...what, count: 1 });
  else known.count += 1;
}

function copies<T>(of: ReadonlyMap<string, T>): T[] {
  return [...of.values()].map((one) => ({ ...one }));
}
