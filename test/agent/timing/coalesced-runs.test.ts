import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createCoalescedRuns } from '../../../src/agent/timing/coalesced-runs.js';

test('what is asked for while it is done is done once more, never twice at a time', async () => {
  let running = 0;
  let done = 0;
  const runs = createCoalescedRuns(async () => {
    running += 1;
    expect(running).toBe(1);
    await sleep(5);
    running -= 1;
    done += 1;
  });
  const first = runs.run();
  await sleep(1);
  await Promise.all([first, runs.run(), runs.run(), runs.run()]);
  expect(done).toBe(2);
  await runs.idle();
});
