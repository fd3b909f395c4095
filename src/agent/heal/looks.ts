import type { Probe } from '../../diagnosis/probe.js';
import type { Prober } from '../probe/prober.js';

/** Whole looks, asked for when something is wrong. */
export interface Looks {
  /** Starts one unless one is on its way. Never rejects. */
  now(): Promise<void>;
  /** The last one, if it was asked for after `sinceMs` (of performance.now()): only what was opened anew since then proves something. */
  readonly since: (sinceMs: number) => Probe | undefined;
  /** Of performance.now(): when the last one was asked for. */
  askedMs(): number;
  /** Of performance.now(): when the last one that showed something was over. */
  doneMs(): number;
}

export function createLooks(prober: Pick<Prober, 'look'>, now: () => number): Looks {
  let last: { readonly askedMs: number; readonly doneMs: number; readonly probe: Probe } | undefined;
  let running: Promise<void> | undefined;
  let asked = -Infinity;
  const look = async () => {
    const askedMs = now();
    asked = askedMs;
    try {
      const probe = await prober.look();
      last = { askedMs, doneMs: now(), probe };
    } catch {
      // The prober tells its own trouble; what it did not see stays unknown.
    } finally {
      running = undefined;
    }
  };
  return {
    now: () => (running ??= look()),
    since: (sinceMs) => (last !== undefined && last.askedMs > sinceMs ? last.probe : undefined),
    askedMs: () => asked,
    doneMs: () => last?.doneMs ?? -Infinity,
  };
}
