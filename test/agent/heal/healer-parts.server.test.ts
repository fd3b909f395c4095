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
import { makeCare, type HandMade } from './hand-made-context.js';

const ca = 'caSigningCert cert-pki-ca';
const ocsp = 'ocspSigningCert cert-pki-ca';
const id = 'hsmonger.ocspSigningCert_cert-pki-ca';

vi.setConfig({ testTimeout: 300_000 });

let directory: PrivateDirectory;
let counting: CountingModule;
let site: Site;
let daemon: Certmonger;
/**
 * Stands before the real helper, so that it can be made unfit, and shuts the NSS database after an answer while the file beside it is
 * there.
 */
let helper: string;
let keys: string[];
let hand: HandMade;
let healer: Healer;

beforeAll(async () => {
  directory = privateDirectory('heal');
  const token = await createSoftToken({ directory: directory.path, owner: ensureServiceUser() });
  const certificates = [
    { nickname: ca, profile: 'caCACert' },
    { nickname: ocsp, profile: 'caOCSPCert' },
  ];
  const authority = await createAuthority(token, { certificates, each: { daysLeft: 300 }, only: { [ca]: { daysLeft: 3000 } } });
  counting = createCountingModule(directory.path, token.module);
  site = await startSite({ beside: { token: { ...token, module: counting.module }, authority } });
  await site.setUp();
  keys = await site.privateKeys();
  daemon = await connectCertmonger(site.bus.address);
  const program = path.join(installation().executables, 'hsmonger-submit');
  helper = path.join(site.directory, 'helper');
  writeFileSync(
    helper,
    `#!/bin/sh\nanswer=$(${program} "$@"); code=$?\nif [ "$CERTMONGER_OPERATION" = SUBMIT ] && [ $code = 0 ] && [ -e ${helper}.shut ]; then rm ${helper}.shut; chown root ${databaseFiles().join(' ')}; fi\nprintf '%s\\n' "$answer"\nexit $code\n`,
    { mode: 0o755 },
  );
  const command = (await daemon.ca('hsmonger').find())?.externalHelper ?? '';
  await daemon.ca('hsmonger').setHelper(command.replace(program, helper));
});

afterAll(async () => {
  daemon.disconnect();
  await site.stop();
  directory.remove();
});

beforeEach(async () => {
  // Certificates count whole seconds: what is issued within that of the last one would not last longer.
  await sleep(1100);
  hand = makeCare({ bus: site.bus.address, configDir: site.configDir, stateDir: site.stateDir, helper });
  healer = startHealer(hand.context);
});

afterEach(async () => {
  hand.stop();
  await healer.ended;
  expect(await site.privateKeys()).toEqual(keys);
});

function databaseFiles(): string[] {
  return ['.', 'cert9.db', 'key4.db', 'pkcs11.txt'].map((name) => path.join(site.nss.database, name));
}

function setOwner(uid: number): void {
  for (const file of databaseFiles()) chownSync(file, uid, site.owner.gid);
}

async function until(what: string, holds: () => boolean | Promise<boolean>, patienceMs = 90_000): Promise<number> {
  const began = Date.now();
  for (const end = began + patienceMs; !(await holds()); await sleep(100)) {
    if (Date.now() > end)
      throw new Error(
        `Not ${what} within ${String(patienceMs / 1000)} s.\n${JSON.stringify([...healer.diagnoses()], null, 1)}\n${JSON.stringify(healer.instance(), null, 1)}\n${hand.log.join('\n')}\n${JSON.stringify(hand.events, null, 1)}\n${(await site.cli('status')).stdout}\n${site.certmonger.log().slice(-3000)}`,
      );
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
  await until('stuck', async () => (await daemon.request(id).read()).stuck, 30_000);
  await until('noticed', () => cause() === 'token-away' && healer.instance().some((each) => each.cause === 'token-away'), 60_000);
  expect(await status()).toBe('NEED_CSR_GEN_TOKEN');
  renameSync(`${site.token.tokenDirectory}.away`, site.token.tokenDirectory);
  await until('healed', async () => (await serial()) !== before && (await status()) === 'MONITORING', 60_000);
  await until('told', () => kinds().includes(`healed ${ocsp} token-away`), 60_000);
});

test('a PIN changed on the token under the file costs certmonger one attempt and us one; a new file heals', async () => {
  const before = await serial();
  const { uid, gid, mode } = statSync(site.token.pinFile);
  const pin = (from: string, to: string) =>
    runAs(
      site.owner,
      'pkcs11-tool',
      ['--module', softHsmModule, '--token-label', site.token.label, '--login', '--pin', from, '--change-pin', '--new-pin', to],
      { env: site.token.environment, cwd: '/' },
    );
  await pin(site.token.pin, 'new-pin-9876');
  counting.logins();
  await daemon.request(id).resubmit();
  await until('noticed', () => cause() === 'pin-refused', 40_000);
  await until('moved aside', () => !existsSync(site.token.pinFile), 60_000);
  await sleep(15_000);
  // Two of them are the resubmit's own, which has key and certificate read before anything else; certmonger's one, for the CSR; ours.
  expect(counting.logins().refused).toBe(2 + 1 + 1);
  expect(await status()).toBe('NEED_CSR_GEN_PIN');
  expect(readFileSync(`${site.token.pinFile}.refused`, 'utf8')).toBe(`${site.token.pin}\n`);
  expect(statSync(`${site.token.pinFile}.refused`)).toMatchObject({ uid, gid, mode });
  writeFileSync(site.token.pinFile, 'new-pin-9876\n', { mode: 0o600 });
  chownSync(site.token.pinFile, uid, gid);
  await until('healed', async () => (await serial()) !== before && (await status()) === 'MONITORING', 60_000);
  expect(hand.events.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['locked', 'unlocked']));
  expect(counting.logins().refused).toBe(0);
  await pin('new-pin-9876', site.token.pin);
  writeFileSync(site.token.pinFile, `${site.token.pin}\n`);
});

test('a helper that cannot be executed is noticed, and asked again once it can', async () => {
  const before = await serial();
  chmodSync(helper, 0o644);
  try {
    await daemon.request(id).resubmit();
    await until('noticed', () => cause() === 'helper-not-executable', 60_000);
  } finally {
    chmodSync(helper, 0o755);
  }
  await until('healed', async () => (await serial()) !== before && (await status()) === 'MONITORING', 60_000);
});

test('a CA that refuses and then does not is asked again as soon as it would issue, however long it has refused', async () => {
  const before = await serial();
  const file = path.join(site.configDir, 'hsmonger.toml');
  const toml = readFileSync(file, 'utf8');
  writeFileSync(file, toml.replace('[issuer]', '[issuer]\nlifetime-days = { caOCSPCert = 1 }'));
  try {
    await daemon.request(id).resubmit();
    await until('noticed', () => cause() === 'refused', 60_000);
    expect(await status()).toBe('MONITORING');
    expect(healer.diagnoses().get(ocsp)?.sentence).toMatch(/not later than the certificate there is/u);
    // After 15, 30 and 60 seconds in vain; the next try by the clock is two minutes away.
    await until(
      'refused again and again',
      () => hand.log.filter((line) => line.includes("resubmit after 'refused'")).length === 3,
      170_000,
    );
    await until('refused for the third time', () => cause() === 'refused', 60_000);
  } finally {
    writeFileSync(file, toml);
  }
  await until('healed', async () => (await serial()) !== before && (await status()) === 'MONITORING', 60_000);
  await until('told', () => kinds().includes(`healed ${ocsp} refused`), 60_000);
});

test('an NSS database that cannot be written is noticed, keeps no lock from others, and is written when it can be', async () => {
  const before = await serial();
  for (const file of databaseFiles().slice(1)) chmodSync(file, 0o600);
  setOwner(0);
  try {
    await daemon.request(id).resubmit();
    await until('noticed', () => cause() === 'nss-unwritable', 60_000);
    await sleep(3000);
    expect(await status()).toBe('CA_WORKING');
  } finally {
    setOwner(site.owner.uid);
  }
  await until('healed', async () => (await serial()) !== before && (await status()) === 'MONITORING', 60_000);
  expect(hand.log.join('\n')).toMatch(/refresh after 'nss-unwritable'/u);
});

test('a request that is stuck with the lock others need is made to let go of it', async () => {
  const before = await serial();
  writeFileSync(`${helper}.shut`, '');
  try {
    await daemon.request(id).resubmit();
    await until(
      'stuck',
      () => hand.context.requestCache.request(id)?.trail.some((past) => past.status === 'NEED_CERTSAVE_PERMS') ?? false,
      60_000,
    );
    await until('waiting without the lock', async () => (await status()) === 'CA_WORKING', 60_000);
  } finally {
    setOwner(site.owner.uid);
  }
  await until('healed', async () => (await serial()) !== before && (await status()) === 'MONITORING', 90_000);
  expect(hand.log.join('\n')).toMatch(/resubmit after 'nss-unwritable' \(state NEED_CERTSAVE_PERMS\)/u);
});

test('a certificate that was issued and never saved, for certmonger was killed, is handed out again', async () => {
  const before = await serial();
  await daemon.request(id).resubmit();
  await until('being saved', async () => (await status()).includes('SAV'), 30_000);
  await site.certmonger.kill('SIGKILL');
  await until('noticed', () => healer.instance().some((each) => each.cause === 'certmonger-away'), 60_000);
  await site.certmonger.restart();
  await until('healed', async () => (await serial()) !== before && (await status()) === 'MONITORING', 60_000);
});
