/** Something that rings when there is something to look at, and breaks when nothing will be heard any more. */
export interface Bell {
  readonly ring: () => void;
  readonly break: (reason: Error) => void;
  /** Once for each ring, or for several that came while nobody listened; ends quietly with the signal, throws the reason once broken. */
  heard(signal: AbortSignal): AsyncGenerator<void, void>;
}

export function createBell(): Bell {
  let rung = false;
  let reason: Error | undefined;
  let wake: () => void = () => undefined;
  return {
    ring: () => {
      rung = true;
      wake();
    },
    break: (why) => {
      reason ??= why;
      wake();
    },
    async *heard(signal) {
      const stop = () => wake();
      signal.addEventListener('abort', stop);
      try {
        while (!signal.aborted) {
          if (reason !== undefined) throw reason;
          if (rung) {
            rung = false;
            yield;
            continue;
          }
          await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },
  };
}
