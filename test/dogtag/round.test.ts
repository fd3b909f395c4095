/** A whole round on a real Dogtag: every system certificate of CA and KRA renewed by one command, a request approved late, the CA killed in the middle. */
import type { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemCertificates, type SystemCertificate } from '../../src/freeipa/system-certificates.js';
import { running, watchFor } from '../e2e/prey.js';
import { startDogtagSite, type DogtagSite } from '../rig/dogtag/site.js';
import { startDogtag, type Dogtag } from '../rig/dogtag.js';

const ocsp = systemCertificates.find(({ nickname }) => nickname === 'ocspSigningCert cert-pki-ca')!;
const transport = systemCertificates.find(({ nickname }) => nickname === 'transportCert cert-pki-kra')!;

let rig: Dogtag;
let site: DogtagSite;
let keys: string[];
const before = new Map<string, X509Certificate>();

beforeAll(async () => {
  rig = await startDogtag();
  site = await startDogtagSite(rig);
  keys = await rig.privateKeys();
  for (const certificate of systemCertificates) before.set(certificate.nickname, await only(certificate));
});
afterAll(async () => {
  await site.stop();
  await rig.stop();
});

async function only(certificate: SystemCertificate): Promise<X509Certificate> {
  const held = await site.held(certificate);
  expect(held, certificate.nickname).toHaveLength(1);
  return held[0]!;
}

/** CA and KRA run, no self-test of their last start failed, and the token holds the keys it held. */
async function expectHealthy(): Promise<void> {
  await site.untilQuiet();
  await rig.untilRunning();
  for (const subsystem of ['ca', 'kra'] as const) {
    expect(rig.selfTests(subsystem)).toContain('ran SUCCESSFULLY at startup');
    expect(rig.selfTests(subsystem)).not.toContain('FAILED');
  }
  expect(await rig.privateKeys()).toEqual(keys);
}

/** The number of the request certmonger's cookie names. */
function requestNumber(nickname: string): string | undefined {
  for (const name of readdirSync(site.certmonger.requestsDirectory)) {
    const text = readFileSync(path.join(site.certmonger.requestsDirectory, name), 'utf8');
    if (text.includes(`id=${site.requests.get(nickname) ?? ''}\n`)) return /^ca_cookie=.*\brequestId=(\w+)/mu.exec(text)?.[1];
  }
  return undefined;
}

const startRenewal = async (nickname: string) => {
  const run = await site.cli('renew', nickname);
  expect(run, run.stdout + run.stderr + site.logs()).toMatchObject({ exitCode: 0 });
};

describe('renew --all', () => {
  it('renews every system certificate of CA and KRA, and nobody has to do anything', async () => {
    const run = await site.cli('renew', '--all', '--wait', '180');
    expect(run, run.stdout + run.stderr + site.logs()).toMatchObject({ exitCode: 0 });
    await expectHealthy();
  }, 600_000);

  it.each(systemCertificates)('$nickname: new, with the key and the subject it had, and the CA vouches for it', async (certificate) => {
    const [old, now] = [before.get(certificate.nickname)!, await only(certificate)];
    expect(now.serialNumber).not.toBe(old.serialNumber);
    expect(now.publicKey.equals(old.publicKey)).toBe(true);
    expect(now.subject).toBe(old.subject);
    expect(Date.parse(now.validTo)).toBeGreaterThan(Date.parse(old.validTo));
    expect(await rig.ocsp(now.toString())).toBe('good');
  });

  it.each(systemCertificates.flatMap(({ nickname, storage, directives }) => directives.map(({ file, directive }) => ({ nickname, storage, file, directive }))))("$directive in $file's CS.cfg is the new certificate", async ({ nickname, storage, file, directive }) => {
    const value = new RegExp(`^${directive.replaceAll('.', '\\.')}=(.*)$`, 'mu').exec(readFileSync(path.join(rig.instance, file, 'CS.cfg'), 'utf8'))?.[1];
    const [pem = ''] = await rig.certificates(nickname, storage === 'internal' ? 'internal' : 'token');
    expect(value).toBe(pem.replace(/-----[^-]+-----|\s/gu, ''));
  });
});

describe('without an agent of its own', () => {
  it('a request waits, and is fetched by itself once an agent has approved it', async () => {
    const old = await only(ocsp);
    site.configure(false);
    try {
      await startRenewal(ocsp.nickname);
      let number: string | undefined;
      for (const end = Date.now() + 60_000; (number = requestNumber(ocsp.nickname)) === undefined; await sleep(200)) expect(Date.now(), site.logs()).toBeLessThan(end);
      expect((await only(ocsp)).serialNumber).toBe(old.serialNumber);
      const approved = await rig.approve(number);
      expect(await site.settled(ocsp.nickname, 240_000)).toBe('MONITORING');
      expect((await only(ocsp)).toString().trim()).toBe(approved.trim());
    } finally {
      site.configure(true);
    }
    await expectHealthy();
  });
});

describe('the CA killed in the middle', () => {
  it('while it is asked: the renewal ends by itself once the CA is back', async () => {
    const old = await only(transport);
    await startRenewal(transport.nickname);
    watchFor('hsmonger-submit', () => running('hsmonger-submit', site.directory, 'node')[0]);
    await rig.killServer();
    await sleep(3000);
    await rig.enter('systemctl', ['start', rig.unit], { timeoutMs: 120_000 });
    expect(await site.settled(transport.nickname, 240_000)).toBe('MONITORING');
    expect((await only(transport)).serialNumber).not.toBe(old.serialNumber);
    await expectHealthy();
  });
});
