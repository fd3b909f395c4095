import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyRemedy } from '../../src/cli/doctor/remedies/apply.js';
import { loadInstance } from '../../src/config/load.js';
import type { Remedy } from '../../src/doctor/finding.js';
import { startSite, type Site } from '../rig/site.js';

const subsystem = 'subsystemCert cert-pki-ca';
let site: Site;

beforeAll(async () => {
  // Nothing is due: what is renewed is renewed because it was submitted again.
  site = await startSite({ authority: { each: { daysLeft: 400 }, only: { 'caSigningCert cert-pki-ca': { daysLeft: 3000 } } } });
  await site.setUp();
}, 180_000);
afterAll(() => site.stop());

test('what certmonger must do is done through certmonger: a missing request is added, one is submitted again; then nothing is wrong', async () => {
  const directories = { config: site.configDir, state: site.stateDir };
  const given = { place: { instance: loadInstance(directories, 'hsmonger'), directories }, bus: site.bus.address, env: {}, now: new Date(), login: false };
  const remedy = (one: Remedy) => applyRemedy(given, one, () => undefined);
  const before = [...(await site.getcertRecords()).keys()].sort();
  const stopped = await site.cli('track', 'stop', '-n', subsystem);
  expect(stopped.exitCode, stopped.stderr).toBe(0);
  await remedy({ kind: 'reconcile' });
  expect([...(await site.getcertRecords()).keys()].sort()).toEqual(before);
  // Asked of certmonger, not of the token: a look through certutil logs in, and SoftHSM rewrites the token's file at every login.
  const expires = async () => [...(await site.getcertRecords()).values()].find((record) => record.get('certificate')?.includes(`nickname='${subsystem}'`))?.get('expires');
  const was = await expires();
  await remedy({ kind: 'resubmit', nickname: subsystem });
  await expect.poll(expires, { timeout: 120_000, interval: 500 }).not.toBe(was);
  await expect(remedy({ kind: 'resubmit', nickname: 'none' })).rejects.toThrow(/has no certificate 'none'/u);
  await site.untilQuiet(60_000);
  await remedy({ kind: 'finish savings' });
  // After a renewal, too, nothing is wrong.
  const { stdout } = await site.cli('doctor', '--output', 'json', '--failures-only', '--login', '--source', 'hsmonger');
  expect((JSON.parse(stdout) as { check: string; source: string }[]).filter(({ source }) => /^hsmonger\.(?:token|pin|keys|certificates|nss)$/u.test(source))).toEqual([]);
}, 180_000);
