/** The clock of certmonger, the agent and all they start jumps: past the end of certificates, and back. */
import { renameSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startBreakSite, type BreakSite } from './rig.js';

vi.setConfig({ testTimeout: 400_000, hookTimeout: 300_000 });

const leaves = ['ocspSigningCert cert-pki-ca', 'auditSigningCert cert-pki-ca', 'subsystemCert cert-pki-ca'];

let at: BreakSite;

beforeAll(async () => {
  at = await startBreakSite({ each: { daysLeft: 300 }, only: { 'caSigningCert cert-pki-ca': { daysLeft: 3000 } } }, { ownClock: true });
});
afterAll(async () => {
  await at.stop();
});

test('past the end of certificates: they are renewed without anybody, with their keys', async () => {
  const keys = await at.site.privateKeys();
  const before = new Map(await Promise.all(leaves.map(async (nickname) => [nickname, await at.serial(nickname)] as const)));
  const from = at.events().length;
  await at.clock!.moveTo(310);
  for (const nickname of leaves) await at.untilRenewed(nickname, before.get(nickname)!, 240_000);
  for (const nickname of leaves)
    await at.until(`told that '${nickname}' is renewed`, from, (event) => event.kind === 'renewed' && event.nickname === nickname, 60_000);
  for (const nickname of leaves)
    expect(Date.parse((await at.record(nickname)).get('expires') ?? '')).toBeGreaterThan(Date.now() + 400 * 86_400_000);
  expect(await at.bystander(60_000)).toBeLessThan(60_000);
  expect(await at.site.privateKeys()).toEqual(keys);
});

test('back: what breaks is noticed and over as ever', async () => {
  await at.clock!.moveTo(0);
  const { tokenDirectory } = at.site.token;
  const from = at.events().length;
  renameSync(tokenDirectory, `${tokenDirectory}.away`);
  await at.until("told of 'token-away'", from, (event) => event.kind === 'trouble' && event.details?.['cause'] === 'token-away', 60_000);
  renameSync(`${tokenDirectory}.away`, tokenDirectory);
  await at.until("healed of 'token-away'", from, (event) => event.kind === 'healed' && event.details?.['cause'] === 'token-away', 60_000);
});
