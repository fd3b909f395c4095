import type * as FileSystem from 'node:fs';
import type { BigIntStats, Stats } from 'node:fs';

/** A little more than the longest tick a kernel has. */
const tickMs = 15;

const tick = (ns: bigint) => ns - (ns % (BigInt(tickMs) * 1_000_000n));

/**
 * node:fs (for vi.mock) as it is before Linux 6.13 and on file systems without multigrain timestamps: a file's ctime is that of the last
 * tick. Of stat and fstat, and only with `bigint`; no such file system can be mounted everywhere these tests run.
 */
export function withCoarseClock(fs: typeof FileSystem): typeof FileSystem {
  const coarse = (stats: Stats | BigIntStats | undefined) =>
    stats !== undefined && 'ctimeNs' in stats ? Object.assign(stats, { ctimeNs: tick(stats.ctimeNs) }) : stats;
  return {
    ...fs,
    statSync: ((...look: Parameters<typeof fs.statSync>) => coarse(fs.statSync(...look))) as typeof fs.statSync,
    fstatSync: ((...look: Parameters<typeof fs.fstatSync>) => coarse(fs.fstatSync(...look))) as typeof fs.fstatSync,
  };
}

/** Until a tick has begun some 5 ms ago, longer than one of the real clock's, so that what is written now and next is all within it. */
export function untilTick(): void {
  while (Date.now() % tickMs !== 5);
}
