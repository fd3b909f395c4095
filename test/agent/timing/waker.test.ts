import { test } from 'vitest';
import { createWaker } from '../../../src/agent/timing/waker.js';

test('a sleep ends by itself, when woken, when woken before it, and by the end', async () => {
  const end = new AbortController();
  const waker = createWaker(end.signal);
  await waker.sleep(1);
  const sleeping = waker.sleep(1e12);
  waker.wake();
  await sleeping;
  await waker.sleep(1e12);
  waker.reset();
  const last = waker.sleep(1e12);
  end.abort();
  await last;
  waker.reset();
  await waker.sleep(1e12);
});
