/** Runs what it is given one after another; a failure stops nobody behind it. */
export type SerialQueue = <T>(task: () => T | Promise<T>) => Promise<T>;

export function serialQueue(): SerialQueue {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const next = last.then(task);
    last = next.catch(() => undefined);
    return next;
  };
}
