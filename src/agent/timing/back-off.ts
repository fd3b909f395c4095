/** Waiting times that double from `firstMs` to `mostMs`, each shortened by up to a fifth so that many do not come back at once. */
export interface BackOff {
  /** Milliseconds to wait now. */
  next(): number;
  /** It worked: the next trouble is a first one again. */
  reset(): void;
}

export function createBackOff({
  firstMs,
  mostMs,
  random = Math.random,
}: {
  readonly firstMs: number;
  readonly mostMs: number;
  readonly random?: () => number;
}): BackOff {
  let wait = firstMs;
  return {
    next: () => {
      const now = wait;
      wait = Math.min(wait * 2, mostMs);
      return Math.round(now * (1 - random() / 5));
    },
    reset: () => {
      wait = firstMs;
    },
  };
}
