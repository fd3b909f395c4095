/**
 * The main job as an admin sees it: `setup`, then nobody types anything. Real certmonger, real token, real NSS database; the
 * witnesses are getcert, certutil, pkcs11-tool, openssl and find.
 */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { askAgain } from '../rig/certmonger.js';
import { startSite, type Site } from '../rig/site.js';

vi.setConfig({ testTimeout: 180_000 });

const ca = 'caSigningCert cert-pki-ca';
let site: Site;
let keysBefore: string[];

beforeAll(async () => {
  site = await startSite();
  keysBefore = await site.privateKeys();
  await site.setUp();
});
afterAll(async () => {
  await site.stop();
});

describe('tracking', () => {
  it('shows token=, pinfile= and the hooks for all four', async () => {
    // While one of the four logs in, SoftHSM shows another no token.
    const unstuck = async () => {
      await askAgain(site.bus);
      return [...(await site.getcertRecords()).values()].every((record) => record.get('stuck') === 'no');
    };
    await expect.poll(unstuck, { timeout: 30_000, interval: 300 }).toBe(true);
    const records = await site.getcertRecords();
    expect([...records.keys()]).toHaveLength(4);
    for (const [id, record] of records) {
      expect(id).toMatch(/^hsmonger\.[A-Za-z0-9._-]+$/u);
      for (const line of ['key pair storage', 'certificate']) expect(record.get(line)).toContain(`token='${site.token.label}'`);
      expect(record.get('key pair storage')).toContain(`pinfile='${site.token.pinFile}'`);
      expect(record.get('CA')).toBe('hsmonger');
      expect(record.get('pre-save command')).toContain('hsmonger-pre-save');
      expect(record.get('post-save command')).toContain('hsmonger-post-save');
    }
  });
});

describe('certificates that all expire together', () => {
  it('are renewed by certmonger itself, the CA first, nobody typing', async () => {
    await site.untilRenewed(120_000);
    const rows = new Sqlite(site.ledger, { readonly: true }).prepare('SELECT profile, uid FROM issued ORDER BY id').all() as {
      profile: string;
      uid: number;
    }[];
    expect(rows.map(({ profile }) => profile)[0]).toBe('caCACert');
    expect(rows).toHaveLength(4);
    expect(new Set(rows.map(({ uid }) => uid))).toEqual(new Set([site.owner.uid]));
  });

  it('keep their keys: the same private keys, the same CKA_IDs, none added', async () => {
    expect(await site.privateKeys()).toEqual(keysBefore);
  });

  it('are one certificate for each nickname on the token, with the right trust there and in the database', async () => {
    await site.untilQuiet(60_000);
    const trust = await site.tokenTrust();
    expect(trust).toEqual({
      [ca]: 'CTu,Cu,Cu',
      'ocspSigningCert cert-pki-ca': 'u,u,u',
      'auditSigningCert cert-pki-ca': 'u,u,Pu',
      'subsystemCert cert-pki-ca': 'u,u,u',
    });
    for (const { nickname } of site.authority.certificates) expect(await site.onToken(nickname)).toHaveLength(1);
  });

  it('are later, of the same key and subject, and openssl accepts each; the CA is still one, with its identifier', async () => {
    const [root] = await site.onToken(ca);
    const rootFile = path.join(site.directory, 'root.pem');
    writeFileSync(rootFile, root!);
    for (const old of site.authority.certificates) {
      const [pem] = await site.onToken(old.nickname);
      const [was, is] = [new X509Certificate(old.pem), new X509Certificate(pem!)];
      expect(is.publicKey.equals(was.publicKey), old.nickname).toBe(true);
      expect(is.subject).toBe(was.subject);
      expect(Date.parse(is.validTo)).toBeGreaterThan(Date.parse(was.validTo));
      expect(is.ca).toBe(was.ca);
      const file = path.join(site.directory, 'leaf.pem');
      writeFileSync(file, pem!);
      expect(execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', rootFile, file], { encoding: 'utf8' })).toContain(': OK');
    }
    const identifier = (pem: string) =>
      execFileSync('openssl', ['x509', '-noout', '-ext', 'subjectKeyIdentifier'], { input: pem, encoding: 'utf8' });
    expect(identifier(root!)).toBe(identifier(site.authority.certificate(ca).pem));
  });

  it('leave no file of another owner under token and database', () => {
    for (const directory of [site.token.tokenDirectory, site.nss.database]) {
      expect(execFileSync('find', [directory, '!', '-user', site.owner.name], { encoding: 'utf8' })).toBe('');
    }
  });

  it('are MONITORING with nothing in ca-error', async () => {
    for (const record of (await site.getcertRecords()).values()) {
      expect(record.get('status')).toBe('MONITORING');
      expect(record.has('ca-error')).toBe(false);
    }
    expect((await site.cli('status')).exitCode).toBe(0);
  });
});

describe('by hand', () => {
  it('renew --wait gives a new certificate at once, and says what changed', async () => {
    const [before] = await site.onToken('subsystemCert cert-pki-ca');
    const run = await site.cli('renew', '--wait', '60', 'subsystemCert cert-pki-ca');
    expect(run).toMatchObject({ exitCode: 0 });
    const after = await site.onToken('subsystemCert cert-pki-ca');
    expect(after).toHaveLength(1);
    expect(new X509Certificate(after[0]!).serialNumber).not.toBe(new X509Certificate(before!).serialNumber);
    expect(run.stdout.toLowerCase()).toContain(new X509Certificate(after[0]!).serialNumber.toLowerCase().replace(/^0+/u, ''));
  });

  it('stop leaves key and certificate where they are', async () => {
    const certificates = await site.onToken('auditSigningCert cert-pki-ca');
    expect(await site.cli('track', 'stop', '-n', 'auditSigningCert cert-pki-ca')).toMatchObject({ exitCode: 0 });
    expect((await site.getcertRecords()).size).toBe(3);
    expect(await site.privateKeys()).toEqual(keysBefore);
    expect(await site.onToken('auditSigningCert cert-pki-ca')).toEqual(certificates);
    expect(await site.cli('track', 'start', '-n', 'auditSigningCert cert-pki-ca')).toMatchObject({ exitCode: 0 });
    expect((await site.getcertRecords()).size).toBe(4);
  });
});
