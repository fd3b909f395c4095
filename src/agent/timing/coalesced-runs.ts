/** Work that is asked for at any time, done once at a time; what is asked for while it runs is done once more. */
export interface CoalescedRuns {
  /** Until the work asked for now is done. */
  run(): Promise<void>;
  /** Until nothing is left to do. */
  idle(): Promise<void>;
}

export function createCoalescedRuns(work: () => Promise<void>): CoalescedRuns {
  let running: Promise<void> = Promise.resolve();
  let queued: Promise<void> | undefined;
  return {
    run() {
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
    idle: async () => {
      await (queued ?? running);
    },
  };
}
