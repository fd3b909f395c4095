/**
 * certmonger answers nobody while it reads a key (iterate.c:464-502), so cures go to it one after the other, whatever instance they are
 * for; what comes first has waited longest. A cure that fails is its own affair.
 */
export function oneAtATime<T>(daemon: object, work: () => Promise<T>): Promise<T> {
  const result = (queues.get(daemon) ?? Promise.resolve()).then(work);
  queues.set(
    daemon,
    result.catch(() => undefined),
  );
  return result;
}

const queues = new WeakMap<object, Promise<unknown>>();
