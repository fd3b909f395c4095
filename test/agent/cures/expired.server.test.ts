/** A certificate that expires while its renewal is refused, on a real system whose clocks have jumped. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startBreakSite, type BreakSite } from '../breaks/rig.js';
import { holdHelper, type HeldHelper } from './held-helper.js';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const ca = 'caSigningCert cert-pki-ca';
const ocsp = 'ocspSigningCert cert-pki-ca';

let at: BreakSite;
let helper: HeldHelper;

beforeAll(async () => {
  at = await startBreakSite(
    {
      certificates: [
        { nickname: ca, profile: 'caCACert' },
        { nickname: ocsp, profile: 'caOCSPCert' },
      ],
      each: { daysLeft: 300 },
      only: { [ca]: { daysLeft: 3000 } },
    },
    { ownClock: true },
  );
  helper = holdHelper(at.executables);
});
afterAll(async () => {
  await at.stop();
});

test('is told as critical with the words of who refuses, holds up nobody, and is renewed once it is not refused any more', async () => {
  const keys = await at.site.privateKeys();
  const before = await at.serial(ocsp);
  const from = at.events().length;
  helper.refuse('The CA is closed for the holidays.');
  await at.clock!.moveTo(310);
  const told = await at.until(
    "told of 'expired-refused'",
    from,
    ({ details, nickname }) => details?.['cause'] === 'expired-refused' && nickname === ocsp,
    120_000,
  );
  expect(told).toMatchObject({ kind: 'failed', details: { severity: 'critical' } });
  expect(told.message).toMatch(/has expired, and a new one is refused.*closed for the holidays/u);
  expect(await at.bystander(60_000)).toBeLessThan(60_000);
  expect(await at.serial(ocsp)).toBe(before);
  helper.refuse(undefined);
  const mended = Date.now();
  await at.untilRenewed(ocsp, before, 120_000);
  process.stdout.write(`renewed ${String(Date.now() - mended)} ms after it was not refused any more\n`);
  await at.until('healed', from, ({ kind, nickname }) => kind === 'healed' && nickname === ocsp, 60_000);
  expect(await at.site.privateKeys()).toEqual(keys);
});
