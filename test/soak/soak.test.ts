/** The soak of `npm run soak`, for a few minutes and a handful of requests: real certmonger, SoftHSM2, the agent, random faults. */
import { expect, test } from 'vitest';
import { soak } from './soak.js';

test('twelve requests under random faults end valid and renewed, their keys where they were', { timeout: 1_200_000 }, async () => {
  const lines: string[] = [];
  // The same faults in every run; `npm run soak` leaves them to chance, and a seed that failed there belongs here.
  const seed = 7;
  let said = '';
  const { wrong, ...counts } = await soak({
    requests: 12,
    minutes: 4,
    patienceMinutes: 10,
    seed,
    tell: (line) => {
      lines.push(line);
    },
    keepLogs: ({ agent }) => {
      said = agent;
    },
  });
  console.log(JSON.stringify(counts, null, 2));
  expect(wrong, `${lines.join('\n')}\n${said.slice(-10_000)}`).toEqual({
    notResting: [],
    notRenewed: [],
    notValid: [],
    keysChanged: [],
    serialsTwice: [],
    agentsGone: [],
    pinTriedAgain: [],
  });
});
