/** A pause that can be cut short. No AbortSignal.any: on a signal that lives for months each leaves something behind (Node.js 20). */
export interface Bell {
  /** The next pause, or the one under way, ends at once. */
  ring(): void;
  /** Until it rings, or rang since `quiet`, or the time is over. */
  pause(ms: number): Promise<void>;
  /** What rang so far does not count. */
  quiet(): void;
}

const mostMs = 2 ** 31 - 1;

/** Rings by itself for good once the signal aborts. */
export function createBell(signal: AbortSignal): Bell {
  let rung = signal.aborted;
  let end: () => void = () => undefined;
  const ring = () => {
    rung = true;
    end();
  };
  signal.addEventListener('abort', ring, { once: true });
  return {
    ring,
    quiet: () => {
      rung = signal.aborted;
    },
    pause: (ms) =>
      new Promise((resolve) => {
        if (rung) {
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
