/** Work that is asked for at any time, done once at a time; what is asked for while it runs is done once more. */
export interface Turns {
  /** Until the work asked for now is done. */
  next(): Promise<void>;
  /** Until nothing is left to do. */
  rest(): Promise<void>;
}

export function createTurns(work: () => Promise<void>): Turns {
  let running: Promise<void> = Promise.resolve();
  let queued: Promise<void> | undefined;
  return {
    next() {
      // One that failed told whoever asked for it; the next is done all the same.
      queued ??= running
        .catch(() => undefined)
        .then(() => {
          queued = undefined;
          running = work();
          return running;
        });
      return queued;
    },
    rest: async () => {
      await (queued ?? running);
    },
  };
}
