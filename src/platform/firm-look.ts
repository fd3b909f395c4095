/** Two of the longest ticks there are (10 ms, CONFIG_HZ=100): one that has passed for sure, and what the clock is read too coarsely by. */
const youngMs = 20;
const mostLooks = 5;

/**
 * What `look` gives of a file once its ctime tells this state from every later one. Before Linux 6.13, and still on file systems without
 * multigrain timestamps, ctime is the time of the kernel's last tick: a file changed, looked at and changed again within one tick looks
 * unchanged. So where the change is that young this thread stands still until its tick is over, and looks again (git's "racily clean").
 * A file that changes all the time is taken as it is after five looks.
 */
export function firmLook<T extends { readonly ctimeNs: bigint } | undefined>(look: () => T): T {
  for (let looks = 1; ; looks++) {
    const seen = look();
    if (seen === undefined || !isYoung(seen.ctimeNs) || looks === mostLooks) return seen;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, youngMs);
  }
}

/** Slightly in the future is young as well: Date.now() knows no less than a millisecond. What is further off was before a clock was set. */
function isYoung(ctimeNs: bigint): boolean {
  return Math.abs(Date.now() - Number(ctimeNs / 1_000_000n)) < youngMs;
}
