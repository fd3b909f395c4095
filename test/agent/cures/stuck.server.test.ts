/**
 * Requests that are stuck or go in circles on a real system whose agent runs: they are well again once the cause is gone, and hold up
 * nobody meanwhile.
 */
import { chownSync, existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startBreakSite, type BreakSite } from '../breaks/rig.js';
import { getcert } from '../../rig/certmonger.js';
import { runAs } from '../../rig/run-as.js';
import { softHsmModule } from '../../rig/soft-token.js';
import { holdHelper, type HeldHelper } from './held-helper.js';

vi.setConfig({ testTimeout: 400_000, hookTimeout: 300_000 });

const ca = 'caSigningCert cert-pki-ca';
const ocsp = 'ocspSigningCert cert-pki-ca';
/** A minute, and a loaded machine's patience. */
const healMs = 120_000;

let at: BreakSite;
let helper: HeldHelper;
let keys: string[];
const figures: string[] = [];

beforeAll(async () => {
  at = await startBreakSite({
    certificates: [
      { nickname: ca, profile: 'caCACert' },
      { nickname: ocsp, profile: 'caOCSPCert' },
    ],
    each: { daysLeft: 300 },
    only: { [ca]: { daysLeft: 3000 } },
  });
  helper = holdHelper(at.executables);
  keys = await at.site.privateKeys();
});
afterAll(async () => {
  process.stdout.write(`${figures.join('\n')}\n`);
  expect(await at.site.privateKeys()).toEqual(keys);
  await at.stop();
});

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
const writePin = (pin: string) => {
  const { pinFile } = at.site.token;
  writeFileSync(pinFile, `${pin}\n`, { mode: 0o600 });
  chownSync(pinFile, at.site.owner.uid, at.site.owner.gid);
};
const isOurs = (program: string) => /^(?:node|MainThread|hsmonger)/u.test(program);
const refused = () => {
  const logins = at.spied.logins().filter((login) => login.refused);
  const ours = logins.filter(({ program }) => isOurs(program)).length;
  return { ours, certmonger: logins.length - ours };
};
const until = async (what: string, holds: () => boolean | Promise<boolean>, patienceMs: number) => {
  const began = Date.now();
  for (; !(await holds()); await sleep(50)) {
    if (Date.now() - began > patienceMs)
      throw new Error(
        `Not ${what} within ${String(patienceMs / 1000)} s.\n${JSON.stringify(at.events().slice(-6), null, 1)}\n${at.agent.log().slice(-3000)}\n${(await at.site.cli('status')).stdout}`,
      );
  }
  return Date.now() - began;
};
const state = async (nickname: string) => (await at.record(nickname)).get('status') ?? '';
const give = (uid: number, gid: number) => {
  for (const file of [at.site.nss.database, ...readdirSync(at.site.nss.database).map((name) => path.join(at.site.nss.database, name))])
    chownSync(file, uid, gid);
};

/** Has a certificate issued, and lets certmonger have it only once `between` is done: a CA that takes its time. */
const renewAround = async (between: () => void | Promise<void>) => {
  helper.hold();
  await at.renew(ocsp);
  await until('issued', () => helper.held(), 60_000);
  await between();
  helper.release();
};

test('certmonger started while the token was away reads everything again when it is back, and makes no key', async () => {
  const { tokenDirectory } = at.site.token;
  const from = at.events().length;
  renameSync(tokenDirectory, `${tokenDirectory}.away`);
  let mended = 0;
  try {
    await at.site.certmonger.restart();
    await at.until('told', from, ({ details }) => details?.['cause'] === 'token-away', 60_000);
    figures.push(`started without its token: ${await state(ca)}, ${await state(ocsp)}`);
    await at.bystander(60_000);
  } finally {
    renameSync(`${tokenDirectory}.away`, tokenDirectory);
    mended = Date.now();
  }
  await at.site.untilQuiet(healMs);
  figures.push(`at rest ${String(Date.now() - mended)} ms after the token was back`);
  expect(await at.site.privateKeys()).toEqual(keys);
  const before = await at.serial(ocsp);
  await at.renew(ocsp);
  await at.untilRenewed(ocsp, before, healMs);
});

test('a PIN changed between the CSR and the saving costs certmonger one attempt, holds up nobody, and a new file heals', async () => {
  const before = await at.serial(ocsp);
  const from = at.events().length;
  await renewAround(async () => {
    await changePin(at.site.token.pin, 'another-pin');
    refused();
  });
  await until('moved aside', () => !existsSync(at.site.token.pinFile), 90_000);
  const spent = refused();
  figures.push(`saving with a PIN that had changed: ${JSON.stringify(spent)}, state ${await state(ocsp)}`);
  expect(spent.ours).toBe(1);
  expect(spent.certmonger).toBeLessThanOrEqual(1);
  await until('waiting without the lock', async () => (await state(ocsp)) === 'NEED_CSR_GEN_PIN', 60_000);
  figures.push(`meanwhile another CA's request took ${String(await at.bystander(60_000))} ms`);
  // More than a round of certmonger's.
  await sleep(70_000);
  expect(refused()).toEqual({ ours: 0, certmonger: 0 });
  writePin('another-pin');
  const mended = Date.now();
  await at.untilRenewed(ocsp, before, healMs);
  figures.push(`saved ${String(Date.now() - mended)} ms after the new file`);
  await at.until('healed', from, ({ kind, nickname }) => kind === 'healed' && nickname === ocsp, 60_000);
  expect(refused()).toEqual({ ours: 0, certmonger: 0 });
  await changePin('another-pin', at.site.token.pin);
  writePin(at.site.token.pin);
});

test('a request stuck with the lock all savings need is made to let go of it while its cause lasts', async () => {
  const before = await at.serial(ocsp);
  try {
    await renewAround(() => {
      give(0, 0);
    });
    await until(
      'stuck or already waiting',
      async () => !helper.held() && ['NEED_CERTSAVE_PERMS', 'CA_WORKING'].includes(await state(ocsp)),
      60_000,
    );
    figures.push(`with the NSS database closed at the saving another CA's request took ${String(await at.bystander(60_000))} ms`);
    await until('waiting without the lock', async () => (await state(ocsp)) === 'CA_WORKING', 60_000);
    figures.push(`and then ${String(await at.bystander(60_000))} ms`);
  } finally {
    give(at.site.owner.uid, at.site.owner.gid);
  }
  const mended = Date.now();
  await at.untilRenewed(ocsp, before, healMs);
  figures.push(`saved ${String(Date.now() - mended)} ms after the database was open again`);
});

test('a request made while the token was away is read again when it is back, with the key it has', async () => {
  const { tokenDirectory, label, pinFile } = at.site.token;
  const before = await at.record(ocsp);
  const id = 'hsmonger.ocspSigningCert_cert-pki-ca';
  await getcert(at.site.bus, ['stop-tracking', '-i', id]);
  renameSync(tokenDirectory, `${tokenDirectory}.away`);
  try {
    await getcert(
      at.site.bus,
      [
        'start-tracking',
        '-I',
        id,
        '-c',
        'hsmonger',
        '-d',
        at.site.nss.database,
        '-n',
        ocsp,
        '-t',
        label,
        '-p',
        pinFile,
        '-T',
        'caOCSPCert',
      ],
      [0, 1],
    );
    await until('stuck', async () => (await state(ocsp)) === 'NEWLY_ADDED_NEED_KEYINFO_READ_TOKEN', 30_000);
    await at.bystander(60_000);
  } finally {
    renameSync(`${tokenDirectory}.away`, tokenDirectory);
  }
  const mended = Date.now();
  await until('read again', async () => (await state(ocsp)) === 'MONITORING', healMs);
  figures.push(`read again ${String(Date.now() - mended)} ms after the token was back`);
  expect((await at.record(ocsp)).get('issued')).toBe(before.get('issued'));
  expect(await at.site.privateKeys()).toEqual(keys);
});
