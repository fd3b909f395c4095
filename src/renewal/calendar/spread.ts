import { createHash } from 'node:crypto';
import type { Window } from './window.js';

/** Keeps moments of one CA apart from each other. */
export interface Spread {
  /** A moment in the window, the same for the same seed and neighbours, as far from theirs as `many` of them allow. */
  place(window: Window, seed: string, many: number): number;
}

const hourMs = 3_600_000;
const minuteMs = 60_000;

export function createSpread(): Spread {
  const taken = new Map<number, number[]>();
  const near = (moment: number) => [-1, 0, 1].flatMap((step) => taken.get(Math.floor(moment / hourMs) + step) ?? []);
  const take = (moment: number) => {
    const hour = Math.floor(moment / hourMs);
    taken.set(hour, [...(taken.get(hour) ?? []), moment]);
    return moment;
  };
  return {
    place({ from, to }, seed, many) {
      const length = to - from;
      const first = from + fraction(seed) * length;
      // Half of what each would have if all shared one window: so there is always room, wherever the others are.
      const gap = Math.min(hourMs, length / (2 * many));
      if (gap < minuteMs) return take(Math.floor(first));
      for (let step = 0; step * gap < length; step += 1) {
        const moment = Math.floor(from + ((first - from + step * gap) % length));
        if (near(moment).every((other) => Math.abs(other - moment) >= gap)) return take(moment);
      }
      return take(Math.floor(first));
    },
  };
}

/** From 0 to below 1, evenly. */
function fraction(seed: string): number {
  return createHash('sha256').update(seed).digest().readUIntBE(0, 6) / 2 ** 48;
}
