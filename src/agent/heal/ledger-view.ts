import type { Memory } from '../../diagnosis/remembered.js';
import type { TroubleLog } from '../log.js';

/** What our processes wrote down, read again when a request came to rest or waits. */
export interface LedgerView {
  /** undefined: not read since that moment (of performance.now()). */
  readonly since: (sinceMs: number) => Memory | undefined;
  /** Reads it unless that was done since then, or a moment ago; gives whether it is of that moment now. Never rejects. */
  refresh(sinceMs: number): Promise<boolean>;
}

const leastMs = 2000;

export function createLedgerView(read: () => Promise<Memory>, now: () => number, trouble: TroubleLog): LedgerView {
  let last: { readonly askedMs: number; readonly memory: Memory } | undefined;
  let asked = -Infinity;
  const upToDate = (sinceMs: number) => last !== undefined && last.askedMs >= sinceMs;
  return {
    since: (sinceMs) => (upToDate(sinceMs) ? last?.memory : undefined),
    async refresh(sinceMs) {
      if (upToDate(sinceMs) || now() - asked < leastMs) return upToDate(sinceMs);
      const askedMs = now();
      asked = askedMs;
      try {
        last = { askedMs, memory: await read() };
        trouble.over('what the helper wrote down can be read again.');
      } catch (error) {
        trouble.trouble(`what the helper wrote down cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      }
      return upToDate(sinceMs);
    },
  };
}
