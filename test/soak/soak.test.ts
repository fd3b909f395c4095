/** The soak of `npm run soak`, for a few minutes and a handful of requests: real certmonger, SoftHSM2, the agent, random faults. */
import { expect, test } from 'vitest';
import { soak } from './soak.js';

test('twelve requests under random faults end valid and renewed, their keys where they were', { timeout: 900_000 }, async () => {
  const lines: string[] = [];
  const seed = Date.now() % 100_000;
  const { notResting, notRenewed, notValid, keysChanged, serialsTwice, ...counts } = await soak({ requests: 12, minutes: 4, patienceMinutes: 8, seed, tell: (line) => { lines.push(line); } });
  console.log(JSON.stringify(counts, null, 2));
  expect({ notResting, notRenewed, notValid, keysChanged, serialsTwice }, lines.join('\n')).toEqual({ notResting: [], notRenewed: [], notValid: [], keysChanged: [], serialsTwice: [] });
});
