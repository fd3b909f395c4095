/** Below the replies one connection may have outstanding on a bus (128, dbus's answer to CVE-2014-3638). */
const callsAtATime = 64;

/** Works on all items, many at a time; the results in their order. Rejects with the first failure. */
export async function pooled<T, U>(items: readonly T[], work: (item: T) => Promise<U>): Promise<U[]> {
  const results: U[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(callsAtATime, items.length) }, worker));
  return results;
}
