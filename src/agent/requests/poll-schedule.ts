/** Which requests are read again although nothing was heard of them: signals get lost. */
export interface PollSchedule {
  read(path: string, resting: boolean, atMs: number): void;
  forget(path: string): void;
  /** Begins anew. */
  clear(atMs: number): void;
  /** Those whose turn it is at a tick. */
  due(atMs: number): string[];
}

export interface PollPace {
  /** Milliseconds after which what is not at rest is read again. */
  readonly restlessMs: number;
  /** Within which each is read again. */
  readonly allMs: number;
  /** Restless ones read in one tick, those not read for longest first: thousands that wait for one token must not keep the agent busy. */
  readonly restlessAtOnce: number;
  /** Others read in one tick: where there are thousands all of them take longer than `allMs`. */
  readonly atOnce: number;
}

export function createPollSchedule({ restlessMs, allMs, restlessAtOnce, atOnce }: PollPace, startMs: number): PollSchedule {
  /** In the order they were read: the first is the one not read for longest. */
  const seen = new Map<string, { readonly resting: boolean; readonly atMs: number }>();
  let tickedMs = startMs;
  return {
    read(path, resting, atMs) {
      seen.delete(path);
      seen.set(path, { resting, atMs });
    },
    forget: (path) => {
      seen.delete(path);
    },
    clear(atMs) {
      seen.clear();
      tickedMs = atMs;
    },
    due(atMs) {
      const share = Math.min(atOnce, Math.ceil((seen.size * (atMs - tickedMs)) / allMs));
      tickedMs = atMs;
      const entries = [...seen];
      const restless = entries.filter(([, one]) => !one.resting && atMs - one.atMs >= restlessMs).slice(0, restlessAtOnce);
      return [...new Set([...entries.slice(0, share), ...restless].map(([path]) => path))];
    },
  };
}
