import { createBackOff, type BackOff } from '../timing/back-off.js';

/** What the agent tried and did not get: the same certificate is asked for again after ever longer pauses. */
export interface Attempts {
  /** Whether it may be tried now. `held`: what tells the present certificate from the next. */
  due(nickname: string, held: string): boolean;
  failed(nickname: string, held: string): void;
  succeeded(nickname: string): void;
}

export function createAttempts(
  pauses: { readonly firstMs: number; readonly mostMs: number },
  now: () => number = () => performance.now(),
): Attempts {
  const known = new Map<string, { readonly held: string; readonly pause: BackOff; againMs: number }>();
  return {
    due(nickname, held) {
      const entry = known.get(nickname);
      return entry?.held !== held || now() >= entry.againMs;
    },
    failed(nickname, held) {
      const before = known.get(nickname);
      const entry = before?.held === held ? before : { held, pause: createBackOff(pauses), againMs: 0 };
      entry.againMs = now() + entry.pause.next();
      known.set(nickname, entry);
    },
    succeeded: (nickname) => known.delete(nickname),
  };
}
