/** A token of another host, whose server ends at each step of what needs it and is there again for the next run. */
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { differing, ended, idsUnlessTold, inLedger, layStepGround, onToken, type StepGround } from './ground.js';

let ground: StepGround;
beforeAll(async () => {
  ground = await layStepGround({ across: true });
});
afterAll(() => {
  ground.remove();
});
afterEach(() => {
  ground.anew();
});

it('keygen makes one pair, or says what is there', async () => {
  const { faults } = await ground.disturb(
    ['token', 'keygen', '--type', 'P-256', '--label', 'k', ...ground.onCounted, ...ground.here],
    async ({ exitCode, err }) => [
      ...(exitCode === 0 || err.includes("There is a private key with the label 'k'") ? [] : differing('the second exit', exitCode, 0)),
      ...(await onToken(ground, 'Private k', 'Public k')),
      ...idsUnlessTold(await ground.objects(), err),
    ],
  );
  expect(faults).toEqual([]);
}, 1_800_000);

it('issue gives one certificate', async () => {
  await ground.ok(...ground.initRoot);
  const { faults } = await ground.disturb(
    ['ca', 'issue', '--instance', 'a', ...ground.here, '--in', ground.request('s'), '--out', path.join(ground.directory, 's.crt')],
    async (second) => [...ended(second), ...(await inLedger(ground, 2))],
  );
  expect(faults).toEqual([]);
}, 1_800_000);
