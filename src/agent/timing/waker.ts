/**
 * A sleep that others in the process can cut short. No AbortSignal.any: on a signal that lives for months each leaves something behind
 * (Node.js 20).
 */
export interface Waker {
  /** The next sleep, or the one under way, ends at once. */
  wake(): void;
  /** Until it is woken, or was since `reset`, or the time is over. */
  sleep(ms: number): Promise<void>;
  /** What woke it so far does not count. */
  reset(): void;
}

const mostMs = 2 ** 31 - 1;

/** Awake for good once the signal aborts. */
export function createWaker(signal: AbortSignal): Waker {
  let woken = signal.aborted;
  let end: () => void = () => undefined;
  const wake = () => {
    woken = true;
    end();
  };
  signal.addEventListener('abort', wake, { once: true });
  return {
    wake,
    reset: () => {
      woken = signal.aborted;
    },
    sleep: (ms) =>
      new Promise((resolve) => {
        if (woken) {
          resolve();
          return;
        }
        const timer = setTimeout(
          () => {
            end();
          },
          Math.min(ms, mostMs),
        );
        end = () => {
          clearTimeout(timer);
          end = () => undefined;
          resolve();
        };
      }),
  };
}
