/** The clock of certmonger, the agent and all they start jumps: past the end of certificates, and back. */
import { renameSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startBreakSite, type BreakSite, type TimedEvent } from './rig.js';

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

async function breaksAndHeals(meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<void> {
  const { tokenDirectory } = at.site.token;
  const from = at.events().length;
  const of = (kind: string) => (event: TimedEvent) => event.kind === kind && event.details?.['cause'] === 'token-away';
  renameSync(tokenDirectory, `${tokenDirectory}.away`);
  await at.until("told of 'token-away'", from, of('trouble'), 60_000);
  await meanwhile();
  renameSync(`${tokenDirectory}.away`, tokenDirectory);
  await at.until("healed of 'token-away'", from, of('healed'), 60_000);
}

test('back: what breaks is noticed and over as ever, whatever was seen at the later time', async () => {
  const [leaf] = leaves;
  const before = await at.serial(leaf!);
  await breaksAndHeals(async () => {
    await at.renew(leaf!);
    await at.untilStatus(leaf!, 'NEED_CSR_GEN_TOKEN', 60_000);
  });
  await at.untilRenewed(leaf!, before, 120_000);
  await at.clock!.moveTo(0);
  await breaksAndHeals();
});
