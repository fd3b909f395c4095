/**
 * What a bad PIN costs, counted at the module of a real system whose agent runs: certmonger never gets one that the agent could have proven
 * before.
 */
import { chownSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { agentInterface, agentName, agentPath } from '../../../dbus/agent/names.js';
import { startBreakSite, type BreakSite } from '../breaks/rig.js';
import { runAs } from '../../rig/run-as.js';
import { softHsmModule } from '../../rig/soft-token.js';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const ca = 'caSigningCert cert-pki-ca';
const ocsp = 'ocspSigningCert cert-pki-ca';
const healMs = 120_000;

let at: BreakSite;
let keys: string[];

beforeAll(async () => {
  at = await startBreakSite({
    certificates: [
      { nickname: ca, profile: 'caCACert' },
      { nickname: ocsp, profile: 'caOCSPCert' },
    ],
    each: { daysLeft: 300 },
    only: { [ca]: { daysLeft: 3000 } },
  });
  keys = await at.site.privateKeys();
});
afterAll(async () => {
  expect(await at.site.privateKeys()).toEqual(keys);
  await at.stop();
});

const writePin = (pin: string) => {
  const { pinFile } = at.site.token;
  writeFileSync(pinFile, `${pin}\n`, { mode: 0o600 });
  chownSync(pinFile, at.site.owner.uid, at.site.owner.gid);
};
const changePin = (from: string, to: string) =>
  runAs(
    at.site.owner,
    'pkcs11-tool',
    [
      '--module',
      softHsmModule,
      '--token-label',
      at.site.token.label,
      '--login',
      '--pin',
      'env:RIG_PIN',
      '--change-pin',
      '--new-pin',
      'env:RIG_NEW',
    ],
    { env: { ...at.site.token.environment, RIG_PIN: from, RIG_NEW: to }, cwd: '/' },
  );
const isOurs = (program: string) => /^(?:node|MainThread|hsmonger)/u.test(program);
/** Refused since the last time this was asked. */
const refused = () => {
  const logins = at.spied.logins().filter((login) => login.refused);
  const ours = logins.filter(({ program }) => isOurs(program)).length;
  return { ours, certmonger: logins.length - ours };
};
const movedAside = () => at.site.token.pinFile.concat('.refused');
const until = async (what: string, holds: () => boolean, patienceMs: number) => {
  for (const end = Date.now() + patienceMs; !holds(); await sleep(50))
    if (Date.now() > end) throw new Error(`Not ${what} within ${String(patienceMs / 1000)} s.\n${at.agent.log().slice(-3000)}`);
};

test('a wrong PIN written into the file while nothing is due costs one attempt of ours, none of certmonger, and is moved aside', async () => {
  const before = await at.serial(ocsp);
  const from = at.events().length;
  refused();
  writePin('wrong-pin');
  await until('moved aside', () => !existsSync(at.site.token.pinFile), 30_000);
  expect(existsSync(movedAside())).toBe(true);
  await at.until('told', from, ({ kind }) => kind === 'locked', 10_000);
  // Whatever is asked for now meets no PIN, and spends none.
  const run = await at.site.cli('renew', ocsp);
  expect([run.exitCode, run.stderr]).toEqual([expect.any(Number), expect.stringMatching(/PIN/u)]);
  expect(run.exitCode).not.toBe(0);
  expect(refused()).toEqual({ ours: 1, certmonger: 0 });
  writePin(at.site.token.pin);
  await at.until('unlocked', from, ({ kind }) => kind === 'unlocked', 30_000);
  const again = await at.site.cli('renew', '--wait', '60', ocsp);
  expect([again.exitCode, again.stderr]).toEqual([0, '']);
  await at.untilRenewed(ocsp, before, healMs);
  expect(refused()).toEqual({ ours: 0, certmonger: 0 });
});

test('a PIN changed on the token under an unchanged file costs a renewal by hand one attempt of ours, and certmonger none', async () => {
  const before = await at.serial(ocsp);
  const from = at.events().length;
  const { ino } = statSync(at.site.token.pinFile);
  await changePin(at.site.token.pin, 'another-pin');
  refused();
  const run = await at.site.cli('renew', ocsp);
  expect([run.exitCode, run.stderr]).toEqual([1, expect.stringMatching(/PIN/u)]);
  expect(refused()).toEqual({ ours: 1, certmonger: 0 });
  // The agent learns of it from what was remembered, at its next look.
  await until('moved aside', () => !existsSync(at.site.token.pinFile), 60_000);
  expect(statSync(movedAside()).ino).toBe(ino);
  expect((await at.record(ocsp)).get('status')).toBe('MONITORING');
  writePin('another-pin');
  await at.until('unlocked', from, ({ kind }) => kind === 'unlocked', 30_000);
  expect((await at.site.cli('renew', '--wait', '60', ocsp)).exitCode).toBe(0);
  await at.untilRenewed(ocsp, before, healMs);
  expect(refused()).toEqual({ ours: 0, certmonger: 0 });
  await changePin('another-pin', at.site.token.pin);
  writePin(at.site.token.pin);
});

test('the same, asked for through the agent: the file is moved aside before certmonger has read it', async () => {
  await sleep(20_000);
  const from = at.events().length;
  await changePin(at.site.token.pin, 'another-pin');
  refused();
  const asked = await execa(
    'busctl',
    [`--address=${at.site.bus.address}`, '--timeout=60', 'call', agentName, agentPath, agentInterface, 'Renew', 'ss', 'hsmonger', ocsp],
    { reject: false },
  );
  expect([asked.exitCode, asked.stderr]).toEqual([1, expect.stringMatching(/PIN/u)]);
  await at.until('told', from, ({ kind }) => kind === 'locked', 30_000);
  expect(existsSync(at.site.token.pinFile)).toBe(false);
  expect(refused()).toEqual({ ours: 1, certmonger: 0 });
  await changePin('another-pin', at.site.token.pin);
  writePin(at.site.token.pin);
  await at.until('unlocked', from, ({ kind }) => kind === 'unlocked', 30_000);
  expect(refused()).toEqual({ ours: 0, certmonger: 0 });
});
