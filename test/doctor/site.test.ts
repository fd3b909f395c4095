import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSite, type Site } from '../rig/site.js';

let site: Site;
beforeAll(async () => {
  site = await startSite();
  await site.setUp();
  await site.untilQuiet(60_000);
}, 120_000);
afterAll(() => site.stop());

test('looks', async () => {
  const t = Date.now();
  const run = await site.cli('doctor');
  console.log(Date.now() - t, run.exitCode, run.stdout, run.stderr);
  expect(run.exitCode).toBe(0);
}, 120_000);
