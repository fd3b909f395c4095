/**
 * What a try costs: a question runs the helper once; a request has certmonger sign three times, read key and certificate again, and save. A
 * blind one does so where nothing else can tell whether the cause is gone: it is made every minute at first, while whoever mends it is
 * likely to be at it.
 */
export type Cost = 'question' | 'request' | 'blind request';

const minute = 60_000;
const firstMs = 15_000;
const mostMs: Readonly<Record<Cost, number>> = { question: 5 * minute, request: 1440 * minute, 'blind request': 1440 * minute };
/** A quarter of an hour. */
const blindTries = 15;
const leastMs = 30_000;
/** So much of the life that is left may be lost by waiting. */
const shareOfLife = 100;

/**
 * When the next try is due after `attempts` that were in vain: at once, then after waits that double, each shortened by up to a fifth so
 * that many requests do not come at once, and never so long that it would hurt: the less life is left, the shorter. `random` gives [0, 1).
 */
export function nextTry(
  now: Date,
  certificate: { readonly notAfter?: Date; readonly cost: Cost },
  attempts: number,
  random: () => number = Math.random,
): Date {
  if (attempts === 0) return now;
  const left = certificate.notAfter === undefined ? 0 : certificate.notAfter.getTime() - now.getTime();
  const most = Math.min(mostMs[certificate.cost], Math.max(leastMs, left / shareOfLife));
  const doublings = certificate.cost === 'blind request' ? Math.min(attempts - 1, 2) + Math.max(0, attempts - blindTries) : attempts - 1;
  const wait = Math.min(firstMs * 2 ** Math.min(doublings, 30), most);
  return new Date(now.getTime() + Math.floor(wait * (1 - random() / 5)));
}
