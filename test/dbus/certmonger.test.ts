import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectCertmonger, type Certmonger } from '../../dbus/certmonger.js';
import type { Change } from '../../dbus/changes.js';
import { waitForRequest } from '../../dbus/wait.js';
import { getcert } from '../rig/certmonger.js';
import { openLaboratory, type Laboratory } from './laboratory.js';

const ocsp = 'ocspSigningCert cert-pki-ca';
const audit = 'auditSigningCert cert-pki-ca';
let lab: Laboratory;
let certmonger: Certmonger;

beforeAll(async () => {
  lab = await openLaboratory();
  certmonger = await connectCertmonger(lab.bus.address);
  await certmonger.addCa('refusing', lab.helper);
});

afterAll(async () => {
  certmonger.disconnect();
  await lab.close();
});

const coded = (code: string, words: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(words) as string }) as unknown;
const privateKeys = () =>
  execFileSync('pkcs11-tool', ['--module', lab.token.module, '-O', '--type', 'privkey', '--login', '--pin', lab.token.pin], {
    env: { ...process.env, ...lab.token.environment },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });

describe('certmonger’s CAs', () => {
  it('are added, read, changed and removed by nickname', async () => {
    await certmonger.addCa('passing', '/bin/true');
    await certmonger.ca('passing').setHelper(lab.helper);
    await expect(certmonger.ca('passing').find()).resolves.toMatchObject({
      nickname: 'passing',
      externalHelper: lab.helper,
      isDefault: false,
    });
    expect((await getcert(lab.bus, ['list-cas', '-c', 'passing'])).stdout).toContain(`helper-location: ${lab.helper}`);
    await expect(certmonger.ca('passing').refresh()).resolves.toBe(true);
    expect((await certmonger.listCas()).map(({ nickname }) => nickname)).toEqual(
      expect.arrayContaining(['refusing', 'passing', 'local', 'SelfSign']),
    );
    await certmonger.ca('passing').remove();
    await expect(certmonger.ca('passing').find()).resolves.toBeUndefined();
  });

  it('answer a second one of the same name, and one that is not there, with a sentence', async () => {
    await expect(certmonger.addCa('refusing', '/bin/true')).rejects.toEqual(
      coded('REQUEST_DUPLICATE', /^Cannot add the CA 'refusing': certmonger has one like it/u),
    );
    await expect(certmonger.ca('nobody').refresh()).rejects.toEqual(coded('CERTMONGER_REFUSED', /knows no CA 'nobody'/u));
  });

  it('tell what their helper said of itself', async () => {
    await expect.poll(async () => (await certmonger.ca('refusing').find())?.aka, { timeout: 20_000 }).toBe('The refusing CA');
  });
});

describe('a request on a token', () => {
  it('is added with all it needs, and getcert shows the token in both places', async () => {
    const keys = privateKeys();
    await certmonger.addRequest(lab.requestFor(ocsp, 'ocsp', 'refusing'));
    const request = await waitForRequest(certmonger, 'ocsp', (each) => (each.status === 'MONITORING' ? each : undefined), {
      timeoutMs: 20_000,
    });
    expect(request).toMatchObject({
      nickname: 'ocsp',
      stuck: false,
      monitoring: true,
      autorenew: true,
      ca: 'refusing',
      caError: undefined,
      nssUser: 'pkiuser',
      preSaveCommand: '/bin/true pre',
      postSaveCommand: '/bin/true post',
      keyStorage: {
        type: 'NSSDB',
        database: lab.nss.database,
        nickname: ocsp,
        token: 'softhsm_token',
        file: undefined,
        owner: undefined,
        perms: undefined,
      },
      certificateStorage: { type: 'NSSDB', database: lab.nss.database, nickname: ocsp, token: 'softhsm_token' },
      key: { type: 'RSA', size: 2048, pinFile: lab.token.pinFile, pinSet: false },
      template: { profile: 'caOCSPCert' },
      certificate: {
        pem: lab.authority.certificate(ocsp).pem,
        subject: 'CN=OCSP Subsystem,O=HSMONGER.TEST',
        extendedKeyUsage: ['1.3.6.1.5.5.7.3.9'],
      },
    });
    expect(request.certificate.notAfter?.getTime()).toBeGreaterThan(Date.now() + 299 * 86_400_000);

    const { stdout } = await getcert(lab.bus, ['list', '-i', 'ocsp']);
    expect(stdout).toContain(
      `key pair storage: type=NSSDB,location='${lab.nss.database}',nickname='${ocsp}',token='softhsm_token',pinfile='${lab.token.pinFile}'`,
    );
    expect(stdout).toContain(`certificate: type=NSSDB,location='${lab.nss.database}',nickname='${ocsp}',token='softhsm_token'`);
    expect(stdout).toContain('profile: caOCSPCert');
    expect(stdout).toContain('CA: refusing');
    expect(privateKeys()).toBe(keys);
  });

  it('is refused a second time, under the same name or for the same certificate', async () => {
    await expect(certmonger.addRequest(lab.requestFor(audit, 'ocsp', 'refusing'))).rejects.toEqual(
      coded('REQUEST_DUPLICATE', /^Cannot track 'ocsp': certmonger has one like it already \(.*\)/u),
    );
    await expect(certmonger.addRequest(lab.requestFor(ocsp, 'other', 'refusing'))).rejects.toMatchObject({ code: 'REQUEST_DUPLICATE' });
  });

  it('is refused for a CA or a database that is not there', async () => {
    await expect(certmonger.addRequest(lab.requestFor(audit, 'audit', 'nobody'))).rejects.toEqual(
      coded('CERTMONGER_REFUSED', /knows no CA 'nobody'/u),
    );
    const request = lab.requestFor(audit, 'audit', 'refusing');
    await expect(
      certmonger.addRequest({ ...request, certificateStorage: { ...request.certificateStorage, location: '/nonexistent/alias' } }),
    ).rejects.toEqual(coded('CERTMONGER_REFUSED', /^Cannot track 'audit': certmonger does not accept it \(.+\)\.$/u));
  });

  it('is changed in place', async () => {
    await certmonger.request('ocsp').modify({ postSaveCommand: '/bin/true after', profile: 'caOther', autorenew: false });
    await expect(certmonger.request('ocsp').read()).resolves.toMatchObject({
      postSaveCommand: '/bin/true after',
      template: { profile: 'caOther' },
      autorenew: false,
      ca: 'refusing',
    });
    await certmonger.request('ocsp').modify({ ca: 'local' });
    await expect(certmonger.request('ocsp').read()).resolves.toMatchObject({ ca: 'local' });
    await certmonger.request('ocsp').modify({});
    await certmonger.request('ocsp').modify({ ca: 'refusing', autorenew: true });
  });

  it('keeps the helper’s words when a renewal is rejected, and refreshes only where there is something to refresh', async () => {
    await expect(certmonger.request('ocsp').resubmit()).resolves.toBe(true);
    const rejected = await waitForRequest(certmonger, 'ocsp', (each) => (each.caError === undefined ? undefined : each), {
      timeoutMs: 30_000,
    });
    expect(rejected.caError).toMatch(/not today/u);
    expect(rejected.csr).toMatch(/^-----BEGIN CERTIFICATE REQUEST-----\n/u);
    expect(rejected.csr).not.toContain('\r');
    await waitForRequest(certmonger, 'ocsp', (each) => (each.status === 'MONITORING' ? each : undefined), { timeoutMs: 20_000 });
    await expect(certmonger.request('ocsp').refresh()).resolves.toBe(false);
  });

  it('signals its renewal: changed properties of certmonger’s own odd signature, and the certificate saved', async () => {
    await certmonger.addRequest(lab.requestFor(audit, 'audit', 'local'));
    await waitForRequest(certmonger, 'audit', (each) => (each.status === 'MONITORING' ? each : undefined), { timeoutMs: 20_000 });
    const before = await certmonger.request('audit').read();
    const changes: Change[] = [];
    const stop = await certmonger.onChange((change) => changes.push(change));
    await certmonger.request('audit').resubmit();
    const renewed = await waitForRequest(
      certmonger,
      'audit',
      (each) => (each.status === 'MONITORING' && each.certificate.serial !== before.certificate.serial ? each : undefined),
      { timeoutMs: 50_000 },
    );
    stop();
    const mine = changes.filter((change) => change.kind !== 'daemon' && change.path === renewed.path);
    expect(mine.filter(({ kind }) => kind === 'saved')).toHaveLength(1);
    const named = new Set(mine.flatMap((change) => (change.kind === 'properties' ? change.names : [])));
    expect([...named]).toEqual(expect.arrayContaining(['status', 'cert']));
    const fingerprint = (request: typeof renewed) =>
      createHash('sha256')
        .update(request.certificate.pem ?? '')
        .digest('hex');
    expect(fingerprint(renewed)).not.toBe(fingerprint(before));
  });

  it('is removed, and key and certificate stay', async () => {
    const keys = privateKeys();
    await certmonger.request('audit').remove();
    await expect(certmonger.request('audit').find()).resolves.toBeUndefined();
    await expect(certmonger.request('audit').read()).rejects.toEqual(coded('REQUEST_NOT_FOUND', /tracks no request 'audit'/u));
    await expect(certmonger.request('audit').remove()).rejects.toMatchObject({ code: 'REQUEST_NOT_FOUND' });
    expect(privateKeys()).toBe(keys);
    expect((await getcert(lab.bus, ['list'])).stdout).not.toContain("'audit'");
  });
});

describe('the list', () => {
  it('is getcert’s, in getcert’s order', async () => {
    for (const [nickname, id] of [
      ['subsystemCert cert-pki-ca', 'subsystem'],
      [audit, 'audit-again'],
      ['caSigningCert cert-pki-ca', 'ca'],
    ] as const) {
      await certmonger.addRequest(lab.requestFor(nickname, id, 'refusing'));
    }
    const requests = await certmonger.listRequests();
    const shown = [...(await getcert(lab.bus, ['list'])).stdout.matchAll(/^Request ID '(.*)':$/gmu)].map(([, id]) => id);
    expect(requests.map(({ nickname }) => nickname)).toEqual(shown);
    expect(requests.map(({ ca }) => ca)).toEqual(shown.map(() => 'refusing'));
    expect(requests.map(({ certificateStorage }) => certificateStorage.token)).toEqual(shown.map(() => 'softhsm_token'));
  });
});
