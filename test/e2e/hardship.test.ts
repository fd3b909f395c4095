/**
 * What is not the toy: long keys, subjects that are hard to write, foreign key identifiers, a database with a password, two instances on
 * one token.
 */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCertificate } from '../../src/x509/parse-certificate.js';
import { createAuthority, type Authority } from '../rig/authority.js';
import { startSite, type Site } from '../rig/site.js';

const rootName = 'root é';
const ocspName = "ocsp, of 'the' root";
const otherRoot = 'otherRoot';
const otherAudit = 'otherAudit';
/** Not the SHA-1 of any key. */
const foreignIdentifier = '00112233445566778899aabbccddeeff';

let site: Site;
let other: Authority;
let keys: string[];

beforeAll(async () => {
  site = await startSite({
    nssPassword: 'internal-secret-99',
    authority: {
      certificates: [
        {
          nickname: rootName,
          profile: 'caCACert',
          bits: 4096,
          subjectKeyId: foreignIdentifier,
          subject: [
            { C: ['DE'] },
            { O: [{ utf8String: 'Müller, Söhne & Co. "KG"' }] },
            { CN: [{ utf8String: '証明書 + CA' }], OU: ['multi-valued'] },
          ],
        },
        {
          nickname: ocspName,
          profile: 'caOCSPCert',
          bits: 3072,
          subject: [{ O: [{ utf8String: 'Müller, Söhne & Co. "KG"' }] }, { CN: ['OCSP, first'] }],
        },
      ],
    },
  });
  other = await createAuthority(site.token, {
    certificates: [
      { nickname: otherRoot, profile: 'caCACert', subject: [{ CN: ['Another Root'] }] },
      { nickname: otherAudit, profile: 'caSignedLogCert', issuer: otherRoot, subject: [{ CN: ['Another Audit'] }] },
    ],
  });
  keys = await site.privateKeys();
  await site.setUp();
  await site.untilRenewed(150_000);
  await site.untilQuiet(120_000);
}, 320_000);
afterAll(async () => {
  await site.stop();
});

async function renewedOf(
  nickname: string,
): Promise<{ readonly old: X509Certificate; readonly now: X509Certificate; readonly pem: string }> {
  const held = await site.onToken(nickname);
  expect(held, nickname).toHaveLength(1);
  const [pem = ''] = held;
  const old = [...site.authority.certificates, ...other.certificates].find((one) => one.nickname === nickname)!;
  return { old: new X509Certificate(old.pem), now: new X509Certificate(pem), pem };
}

describe('a 4,096-bit CA with a subject in two scripts, commas, quotes and a multi-valued RDN, its identifier no hash of its key', () => {
  it('is renewed with its subject as it was, its key and its identifier, and is still a CA', async () => {
    const { old, now, pem } = await renewedOf(rootName);
    expect(parseCertificate(now.raw).subject).toEqual(parseCertificate(old.raw).subject);
    expect(now.publicKey.equals(old.publicKey)).toBe(true);
    expect(now.ca).toBe(true);
    expect(Date.parse(now.validTo)).toBeGreaterThan(Date.parse(old.validTo));
    const identifier = execFileSync('openssl', ['x509', '-noout', '-ext', 'subjectKeyIdentifier'], { input: pem, encoding: 'utf8' });
    expect(identifier.replace(/[^0-9A-F]/gu, '').toLowerCase()).toContain(foreignIdentifier);
  });

  it('signs its 3,072-bit OCSP certificate, which names that identifier and verifies', async () => {
    const root = await renewedOf(rootName);
    const ocsp = await renewedOf(ocspName);
    expect(ocsp.now.publicKey.equals(ocsp.old.publicKey)).toBe(true);
    expect(ocsp.now.subject).toBe(ocsp.old.subject);
    const [rootFile, file] = [`${site.directory}/root.pem`, `${site.directory}/ocsp.pem`];
    writeFileSync(rootFile, root.pem);
    writeFileSync(file, ocsp.pem);
    expect(execFileSync('openssl', ['verify', '-CAfile', rootFile, file], { encoding: 'utf8' })).toContain(': OK');
  });
});

describe('an internal database with a password of its own', () => {
  it('has the trust set in it, and its password is in no request of certmonger and in no argument list', async () => {
    expect(await site.tokenTrust()).toMatchObject({ [rootName]: 'CTu,Cu,Cu', [ocspName]: 'u,u,u' });
    expect(site.certmonger.log()).not.toContain('internal-secret-99');
  });
});

describe('two instances on one token', () => {
  it('work side by side, and leave each other alone', async () => {
    const run = await site.cli(
      'setup',
      '--yes',
      '--instance',
      'second',
      '--token',
      site.token.label,
      '--module',
      site.token.module,
      '--module-env',
      `SOFTHSM2_CONF=${site.token.confFile}`,
      '--pin-file',
      site.token.pinFile,
      '--dbdir',
      site.nss.database,
      '--user',
      site.owner.name,
      '--issuer',
      'token',
      '--issuer-certificate',
      otherRoot,
      '--certificate',
      `${otherRoot}=caCACert`,
      '--certificate',
      `${otherAudit}=caSignedLogCert`,
      '--nss-password-file',
      site.nss.passwordFile!,
    );
    expect(run, run.stderr).toMatchObject({ exitCode: 0 });
    const before = readFileSync(site.ledger);
    const renewed = await site.cli('renew', '--instance', 'second', '--wait', '150', '--all');
    expect(renewed, renewed.stdout + renewed.stderr).toMatchObject({ exitCode: 0 });
    await site.untilQuiet(120_000);
    for (const nickname of [otherRoot, otherAudit]) {
      const { old, now } = await renewedOf(nickname);
      expect(now.publicKey.equals(old.publicKey)).toBe(true);
      expect(Date.parse(now.validTo)).toBeGreaterThan(Date.parse(old.validTo));
    }
    expect(readFileSync(site.ledger).equals(before)).toBe(true);
    expect(
      new Sqlite(site.ledger.replace('/hsmonger/', '/second/'), { readonly: true })
        .prepare('SELECT DISTINCT profile FROM issued ORDER BY profile')
        .all(),
    ).toEqual([{ profile: 'caCACert' }, { profile: 'caSignedLogCert' }]);
  }, 320_000);

  it('have the private keys they had, and none more', async () => {
    expect(await site.privateKeys()).toEqual(keys);
  });
});
