import { chmodSync, existsSync, readFileSync, renameSync, statSync, writeFileSync, chownSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { startHealer, type Healer } from '../../../src/agent/heal/healer.js';
import { connectCertmonger, type Certmonger } from '../../../dbus/certmonger.js';
import { createAuthority } from '../../rig/authority.js';
import { createCountingModule, type CountingModule } from '../../rig/counting-module.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { runAs } from '../../rig/run-as.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { startSite, type Site } from '../../rig/site.js';
import { createSoftToken, softHsmModule } from '../../rig/soft-token.js';
import { installation } from '../../../src/platform/installation.js';
import { makeCare, type HandMade } from './hand-made-care.js';

const ca = 'caSigningCert cert-pki-ca';
const ocsp = 'ocspSigningCert cert-pki-ca';
const id = 'hsmonger.ocspSigningCert_cert-pki-ca';

vi.setConfig({ testTimeout: 180_000 });

let directory: PrivateDirectory;
let counting: CountingModule;
let site: Site;
let daemon: Certmonger;
let keys: string[];
let hand: HandMade;
let healer: Healer;

beforeAll(async () => {
  directory = privateDirectory('heal');
  const token = await createSoftToken({ directory: directory.path, owner: ensureServiceUser() });
  const certificates = [{ nickname: ca, profile: 'caCACert' }, { nickname: ocsp, profile: 'caOCSPCert' }];
  const authority = await createAuthority(token, { certificates, each: { daysLeft: 300 }, only: { [ca]: { daysLeft: 3000 } } });
  counting = createCountingModule(directory.path, token.module);
  site = await startSite({ beside: { token: { ...token, module: counting.module }, authority } });
  await site.setUp();
  keys = await site.privateKeys();
  daemon = await connectCertmonger(site.bus.address);
});

afterAll(async () => {
  daemon?.disconnect();
  await site?.stop();
  directory?.remove();
});

beforeEach(() => {
  hand = makeCare({ bus: site.bus.address, configDir: site.configDir, stateDir: site.stateDir, helper: path.join(installation().executables, 'hsmonger-submit') });
  healer = startHealer(hand.care);
});

afterEach(async () => {
  hand.stop();
  await healer.ended;
  expect(await site.privateKeys()).toEqual(keys);
});

/** A program in the helper's place would be another one: its mode is taken from the built one, whose tests run one after the other. */
const helper = path.join(installation().executables, 'hsmonger-submit');
let toml = '';
function rewriteInstance(edit: (text: string) => string): void {
  const file = path.join(site.configDir, 'hsmonger.toml');
  if (toml === '') toml = readFileSync(file, 'utf8');
  writeFileSync(file, edit(toml));
}

async function until(what: string, holds: () => boolean | Promise<boolean>, patienceMs = 90_000): Promise<number> {
  const began = Date.now();
  for (const end = began + patienceMs; !(await holds()); await sleep(100)) {
    if (Date.now() > end) throw new Error(`Not ${what} within ${String(patienceMs / 1000)} s.\n${JSON.stringify([...healer.diagnoses()], null, 1)}\n${JSON.stringify(healer.instance(), null, 1)}\n${hand.log.join('\n')}\n${JSON.stringify(hand.events, null, 1)}\n${(await site.cli('status')).stdout}\n${site.certmonger.log().slice(-3000)}`);
  }
  return Date.now() - began;
}

const status = async () => (await daemon.request(id).read()).status;
const serial = async () => (await daemon.request(id).read()).certificate.serial;
const cause = () => healer.diagnoses().get(ocsp)?.cause;
const kinds = () => hand.events.map(({ kind, nickname, details }) => `${kind} ${nickname ?? '-'} ${details?.['cause'] ?? ''}`);

test('a token that was away during a renewal is noticed, and the renewal goes on when it is back', async () => {
  const before = await serial();
  renameSync(site.token.tokenDirectory, `${site.token.tokenDirectory}.away`);
  await daemon.request(id).resubmit();
  const stuck = await until('stuck', async () => (await daemon.request(id).read()).stuck, 30_000);
  const noticed = await until('noticed', () => cause() === 'token-away' && healer.instance().some((each) => each.cause === 'token-away'), 10_000);
  expect(await status()).toBe('NEED_CSR_GEN_TOKEN');
  renameSync(`${site.token.tokenDirectory}.away`, site.token.tokenDirectory);
  const healed = await until('healed', async () => (await serial()) !== before && (await status()) === 'MONITORING', 60_000);
  await until('told', () => kinds().includes(`healed ${ocsp} token-away`), 10_000);
  expect(kinds()).toContain(`renewed ${ocsp} `);
  console.log({ stuck, noticed, healed, events: kinds() });
});

test('a PIN changed on the token under the file costs certmonger one attempt and us one; a new file heals', async () => {
  const before = await serial();
  const { uid, gid, mode } = statSync(site.token.pinFile);
  const pin = (from: string, to: string) => runAs(site.owner, 'pkcs11-tool', ['--module', softHsmModule, '--token-label', site.token.label, '--login', '--pin', from, '--change-pin', '--new-pin', to], { env: site.token.environment, cwd: '/' });
  await pin(site.token.pin, 'new-pin-9876');
  counting.logins();
  await daemon.request(id).resubmit();
  await until('noticed', () => cause() === 'pin-refused', 40_000);
  await until('moved aside', () => !existsSync(site.token.pinFile), 20_000);
  await sleep(25_000);
  const { refused } = counting.logins();
  expect(await status()).toBe('NEED_CSR_GEN_PIN');
  expect(readFileSync(`${site.token.pinFile}.refused`, 'utf8')).toBe(`${site.token.pin}\n`);
  expect(statSync(`${site.token.pinFile}.refused`)).toMatchObject({ uid, gid, mode });
  writeFileSync(site.token.pinFile, 'new-pin-9876\n', { mode: 0o600 });
  chownSync(site.token.pinFile, uid, gid);
  const healed = await until('healed', async () => (await serial()) !== before && (await status()) === 'MONITORING', 60_000);
  expect(hand.events.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['locked', 'unlocked', 'renewed']));
  const after = counting.logins();
  console.log({ refused, healed, after, events: kinds() });
  expect(after.refused).toBe(0);
  await pin('new-pin-9876', site.token.pin);
  writeFileSync(site.token.pinFile, `${site.token.pin}\n`);
});

test('a helper that cannot be executed is noticed, and asked again once it can', async () => {
  const before = await serial();
  chmodSync(helper, 0o644);
  try {
    await daemon.request(id).resubmit();
    const noticed = await until('noticed', () => cause() === 'helper-not-executable', 40_000);
    const seen = new Set<string>();
    for (let count = 0; count < 80; count += 1) { seen.add(`${await status()} ${String(cause())}`); await sleep(500); }
    console.log({ noticed, seen: [...seen] });
  } finally {
    chmodSync(helper, 0o755);
  }
  const healed = await until('healed', async () => (await serial()) !== before && (await status()) === 'MONITORING', 60_000);
  console.log({ healed, events: kinds(), log: hand.log });
});

test('a CA that refuses and then does not is asked again', async () => {
  const before = await serial();
  rewriteInstance((toml) => toml.replace('profile = "caOCSPCert"', 'profile = "caCACert"'));
  try {
    await daemon.request(id).resubmit();
    await until('noticed', () => cause() !== undefined, 40_000);
    console.log(healer.diagnoses().get(ocsp), await status());
  } finally {
    rewriteInstance((toml) => toml);
  }
  const healed = await until('healed', async () => (await serial()) !== before && (await status()) === 'MONITORING', 100_000);
  console.log({ healed, events: kinds(), log: hand.log });
});
