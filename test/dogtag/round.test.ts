/**
 * A whole round on a real Dogtag: every system certificate of CA and KRA renewed by one command, a request approved late, the CA killed in
 * the middle.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemCertificates } from '../../src/freeipa/system-certificates.js';
import { running, watchFor } from '../rig/prey.js';
import { startDogtagSite, type DogtagSite } from '../rig/dogtag/site.js';
import { startDogtag, type Dogtag } from '../rig/dogtag.js';
import { expectHealthy, expectKnown, issuedFor, only } from './witness.js';

const ocsp = systemCertificates.find(({ nickname }) => nickname === 'ocspSigningCert cert-pki-ca')!;
const storage = systemCertificates.find(({ nickname }) => nickname === 'storageCert cert-pki-kra')!;
const transport = systemCertificates.find(({ nickname }) => nickname === 'transportCert cert-pki-kra')!;

let rig: Dogtag;
let site: DogtagSite;
let keys: string[];
const before = new Map<string, X509Certificate>();

beforeAll(async () => {
  rig = await startDogtag();
  site = await startDogtagSite(rig);
  keys = await rig.privateKeys();
  for (const certificate of systemCertificates) before.set(certificate.nickname, await only(site, certificate));
});
afterAll(async () => {
  await site.stop();
  await rig.stop();
});

const startRenewal = async (nickname: string) => {
  const run = await site.cli('renew', nickname);
  expect(run, run.stdout + run.stderr + site.logs()).toMatchObject({ exitCode: 0 });
};

describe('renew --all', () => {
  it('renews every system certificate of CA and KRA, and nobody has to do anything', async () => {
    const run = await site.cli('renew', '--all', '--wait', '180');
    expect(run, run.stdout + run.stderr + site.logs()).toMatchObject({ exitCode: 0 });
    await expectHealthy(site, keys);
  }, 1_600_000);

  it.each(systemCertificates)('$nickname: new, with the key and the subject it had, and the CA vouches for it', async (certificate) => {
    const [old, now] = [before.get(certificate.nickname)!, await only(site, certificate)];
    expect(now.serialNumber).not.toBe(old.serialNumber);
    expect(now.publicKey.equals(old.publicKey)).toBe(true);
    expect(now.subject).toBe(old.subject);
    expect(Date.parse(now.validTo)).toBeGreaterThan(Date.parse(old.validTo));
    expect(await rig.ocsp(now.toString())).toBe('good');
  });

  it.each(systemCertificates)(
    '$nickname: CS.cfg, what the servers share and who is known by it have the new one, and no other was issued',
    async (certificate) => {
      const now = await only(site, certificate);
      await expectKnown(site, certificate, now);
      expect(await issuedFor(site, now)).toBe(2);
    },
  );

  it('trust is as FreeIPA sets it, on the token and in the database', async () => {
    const [onToken, internal] = [await rig.trust('token'), await rig.trust('internal')];
    for (const { nickname, profile, storage } of systemCertificates) {
      if (storage === 'file') continue;
      const flags =
        profile === 'caCACert' ? 'CTu,Cu,Cu' : profile === 'caSignedLogCert' || profile === 'caAuditSigningCert' ? 'u,u,Pu' : 'u,u,u';
      expect([nickname, (storage === 'token' ? onToken : internal)[nickname]]).toEqual([nickname, flags]);
    }
  });
});

describe('without an agent of its own', () => {
  let approved: X509Certificate;

  it('a request waits for one', async () => {
    const old = await only(site, ocsp);
    site.configure(false);
    try {
      await startRenewal(ocsp.nickname);
      let number: string | undefined;
      // certmonger's cookie names it.
      for (
        const end = Date.now() + 60_000;
        (number = /^ca_cookie=.*\brequestId=(\w+)/mu.exec(readFileSync(site.requestFile(ocsp.nickname), 'utf8'))?.[1]) === undefined;
        await sleep(200)
      )
        expect(Date.now(), site.logs()).toBeLessThan(end);
      expect((await only(site, ocsp)).serialNumber).toBe(old.serialNumber);
      approved = new X509Certificate(await rig.approve(number));
    } finally {
      site.configure(true);
    }
  });

  describe('the CA killed meanwhile', () => {
    it('while it is asked: the renewal ends by itself once the CA is back', async () => {
      const old = await only(site, transport);
      await startRenewal(transport.nickname);
      watchFor('hsmonger-submit', () => running('hsmonger-submit', site.directory, 'node')[0]);
      await rig.killServer();
      await sleep(3000);
      await rig.enter('systemctl', ['start', rig.unit], { timeoutMs: 120_000 });
      expect(await site.settled(transport.nickname, 240_000)).toBe('MONITORING');
      expect((await only(site, transport)).serialNumber).not.toBe(old.serialNumber);
      await rig.untilRunning();
    });

    it('while a certificate is saved: post-save starts it with the new one', async () => {
      const old = await only(site, storage);
      await startRenewal(storage.nickname);
      watchFor('hsmonger-pre-save', () => running('hsmonger-pre-save', site.directory, 'node')[0], 120_000);
      await rig.killServer();
      expect(await site.settled(storage.nickname, 240_000)).toBe('MONITORING');
      expect((await only(site, storage)).serialNumber).not.toBe(old.serialNumber);
      await rig.untilRunning();
    });
  });

  it('it is fetched by itself once an agent has approved it', async () => {
    expect(await site.settled(ocsp.nickname, 900_000)).toBe('MONITORING');
    expect((await only(site, ocsp)).fingerprint256).toBe(approved.fingerprint256);
    await expectHealthy(site, keys);
  }, 1_200_000);
});
