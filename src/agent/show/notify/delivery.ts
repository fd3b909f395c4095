import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentEvent } from '../../report/events.js';

/** Takes events as they come and hands them on one at a time, so many a second: a flood of them is no flood of processes. */
export interface Delivery {
  offer(event: AgentEvent): void;
  readonly ended: Promise<void>;
}

export interface DeliveryGiven {
  /** Tells its own trouble and never rejects. */
  readonly deliver: (event: AgentEvent) => Promise<void>;
  /** So many were left out since it was last called. */
  readonly onLeftOut: (count: number) => void;
  readonly signal: AbortSignal;
  readonly pace?: Pace;
}

interface Pace {
  /** At once; after these, one for each `everyMs`. */
  readonly burst: number;
  readonly everyMs: number;
  /** So many wait; of more, the oldest are left out: what is so now counts most. */
  readonly waiting: number;
}

const usual: Pace = { burst: 20, everyMs: 1000, waiting: 200 };

export function createDelivery({ deliver, onLeftOut, signal, pace = usual }: DeliveryGiven): Delivery {
  const queue: AgentEvent[] = [];
  let leftOut = 0;
  let wake: () => void = () => undefined;
  const work = async () => {
    let paid = performance.now() - pace.burst * pace.everyMs;
    while (!signal.aborted) {
      const event = queue.shift();
      if (event === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      if (leftOut > 0) onLeftOut(leftOut);
      leftOut = 0;
      // When the last of the pace's turns was used; never further back than a whole burst.
      paid = Math.max(paid, performance.now() - pace.burst * pace.everyMs) + pace.everyMs;
      const rested = await sleep(Math.max(0, paid - performance.now()), true, { signal }).catch(() => false);
      if (rested) await deliver(event);
    }
  };
  signal.addEventListener(
    'abort',
    () => {
      wake();
    },
    { once: true },
  );
  return {
    offer(event) {
      queue.push(event);
      if (queue.length > pace.waiting) {
        queue.shift();
        leftOut += 1;
      }
      wake();
    },
    ended: work(),
  };
}
