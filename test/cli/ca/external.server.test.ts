import { X509Certificate } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { installation } from '../../../src/platform/installation.js';
import { submitCommand } from '../../../src/tracking/command-lines.js';
import { getcert } from '../../rig/certmonger.js';
import { directoryTable } from '../../rig/directory-table.js';
import { startDirectoryServers, type DirectoryServers } from '../../rig/directory-server.js';
import { createOutsideAuthority, type OutsideAuthority } from '../../rig/outside-authority.js';
import { runAs } from '../../rig/run-as.js';
import { startSite, type Site } from '../../rig/site.js';

// The built programs, the real certmonger, NSS and 389-ds; an outside CA that is OpenSSL's.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 240_000 });

const nickname = 'caSigningCert cert-pki-ca';
const ocsp = 'ocspSigningCert cert-pki-ca';
const request = 'hsmonger.caSigningCert_cert-pki-ca';
const root = 'CN=Root,O=Outside';
const intermediate = 'CN=Intermediate,O=Outside';
const asCa = [
  'basicConstraints=critical,CA:TRUE',
  'keyUsage=critical,digitalSignature,nonRepudiation,keyCertSign,cRLSign',
  'subjectKeyIdentifier=hash',
  'authorityKeyIdentifier=keyid',
];
let site: Site;
let outside: OutsideAuthority;
let keys: string[];

beforeAll(async () => {
  site = await startSite({ authority: { each: { daysLeft: 100 } } });
  outside = createOutsideAuthority(path.join(site.directory, 'outside'));
  await site.setUp();
  keys = await site.privateKeys();
});
afterAll(async () => {
  await site.stop();
});

const at = (name: string) => path.join(site.directory, name);
const rawOf = (pem: string) => new X509Certificate(pem).raw;
const rawIn = (file: string) => rawOf(readFileSync(file, 'utf8'));
const certutil = async (...args: string[]) =>
  (
    await runAs(site.owner, 'certutil', [...args, '-d', `sql:${site.nss.database}`, '-f', site.nss.loginFile], {
      env: site.token.environment,
      cwd: '/',
      okExitCodes: [0, 255],
    })
  ).stdout;
const internal = async () => (await certutil('-L')).split('\n').map((line) => line.replace(/ {2,}/gu, ' ').trim());

/** What must hold once a certificate of the CA is saved: alone on the token, trusted, with its old key. */
async function assertServed(raw: Buffer): Promise<void> {
  await site.untilQuiet(60_000);
  expect(
    (await site.onToken(nickname)).map((pem) => rawOf(pem).equals(raw)),
    site.certmonger.log().slice(-3000),
  ).toEqual([true]);
  expect((await site.tokenTrust())[nickname]).toBe('CTu,Cu,Cu');
  expect(await site.privateKeys()).toEqual(keys);
}

async function assertChainTrusted(): Promise<void> {
  expect(await internal()).toEqual(expect.arrayContaining([`${root} CT,C,C`, `${intermediate} CT,C,C`]));
  expect(await certutil('-V', '-n', nickname, '-u', 'L')).toContain('certificate is valid');
}

async function makeRequest(): Promise<string> {
  const file = at('ca.csr');
  rmSync(file, { force: true });
  const said = await site.cli('ca', 'csr', '--out', file);
  expect(said.exitCode, said.stderr).toBe(0);
  return file;
}

async function importSigned(days: number): Promise<string> {
  const signed = outside.sign(await makeRequest(), { days });
  const said = await site.cli('ca', 'import', signed, outside.intermediate, outside.root, '--wait', '200');
  expect(said.exitCode, said.stdout + said.stderr + site.certmonger.log().slice(-3000)).toBe(0);
  return signed;
}

async function assertRenewSaysWhatToDo(): Promise<void> {
  const before = await site.onToken(nickname);
  const said = await site.cli('renew', nickname, '--wait', '100');
  expect(said.exitCode).toBe(1);
  expect(said.stdout).toMatch(/because .*'hsmonger ca csr'.*'hsmonger ca import'/su);
  await site.untilQuiet(60_000);
  expect(await site.onToken(nickname)).toEqual(before);
}

describe('stand-alone', () => {
  test('a CA is signed by an outside one: on the token, trusted, its chain in the database', async () => {
    const signed = await importSigned(3500);
    await assertServed(rawIn(signed));
    await assertChainTrusted();
  });

  test('what it signs goes on being renewed, though the token does not hold what stands above', async () => {
    const said = await site.cli('renew', ocsp, '--wait', '100');
    expect(said.exitCode, said.stdout + said.stderr + site.certmonger.log().slice(-3000)).toBe(0);
    const [renewed = ''] = await site.onToken(ocsp);
    expect(new X509Certificate(renewed).verify(new X509Certificate((await site.onToken(nickname))[0] ?? '').publicKey)).toBe(true);
    const preview = await site.cli('renew', ocsp, '--dry-run');
    expect(preview.stdout).toContain("signed by 'caSigningCert cert-pki-ca'");
  });

  test('it never signs itself, and renew says what to do', async () => {
    await assertRenewSaysWhatToDo();
  });
});

describe('on the renewal master of a FreeIPA domain', () => {
  let ds: DirectoryServers;
  const csrFile = () => at('ipa-ca.csr');
  const reuse = 'hsmonger-reuse';
  const selfSigned = 'hsmonger-selfsigned';

  beforeAll(async () => {
    ds = await startDirectoryServers({ ca: rawOf((await site.onToken(nickname))[0] ?? ''), certificates: [], hosts: ['ca1.example.test'] });
    appendFileSync(
      path.join(site.configDir, 'hsmonger.toml'),
      `\n${directoryTable(ds.servers[0]!.config())}\n[freeipa]\nsubject-base = "O=HSMONGER.TEST"\nlock-file = "${at('renewal.lock')}"\ncsr-file = "${csrFile()}"\n`,
    );
    const command = submitCommand({
      instance: { name: 'hsmonger' },
      directories: { config: site.configDir, state: site.stateDir },
      installation: installation(),
    });
    await getcert(site.bus, ['add-ca', '-c', reuse, '-e', `${command} --reuse-existing`]);
    await getcert(site.bus, ['add-ca', '-c', selfSigned, '-e', `${command} --force-self-signed`]);
  });
  afterAll(async () => {
    await ds.stop();
  });

  const certificatesIn = async (base: string, attribute: string) => {
    const text = await ds.servers[0]!.search('-o', 'ldif-wrap=no', '-s', 'base', '-b', base, '(objectClass=*)', attribute).catch(() => '');
    return [...text.matchAll(new RegExp(`^${attribute}:: (.*)$`, 'gmu'))].map(([, value = '']) => Buffer.from(value, 'base64'));
  };
  const etc = () => `cn=ipa,cn=etc,${ds.base}`;
  const renewalDn = () => `cn=${nickname},cn=ca_renewal,${etc()}`;
  const chainDn = (subject: string) => `cn=${subject.replaceAll('=', '\\=').replaceAll(',', '\\,')},cn=certificates,${etc()}`;
  const back = async () => getcert(site.bus, ['start-tracking', '-i', request, '-c', 'hsmonger']);

  async function assertPublished(raw: Buffer): Promise<void> {
    expect((await certificatesIn(renewalDn(), 'userCertificate')).map((der) => der.equals(raw))).toEqual([true]);
    expect((await certificatesIn(`cn=CAcert,${etc()}`, 'cACertificate;binary')).map((der) => der.equals(raw))).toEqual([true]);
    expect(
      (await certificatesIn(`cn=EXAMPLE.TEST IPA CA,cn=certificates,${etc()}`, 'cACertificate;binary')).some((der) => der.equals(raw)),
    ).toBe(true);
  }
  async function assertChainPublished(): Promise<void> {
    expect(await certificatesIn(chainDn(root), 'cACertificate;binary')).toEqual([rawIn(outside.root)]);
    expect(await certificatesIn(chainDn(intermediate), 'cACertificate;binary')).toEqual([rawIn(outside.intermediate)]);
  }

  test('what is imported is saved, and published with its chain', async () => {
    const signed = await importSigned(3600);
    await assertServed(rawIn(signed));
    await assertChainTrusted();
    await assertPublished(rawIn(signed));
    await assertChainPublished();
  });

  test('renew says what to do, and where the request lies', async () => {
    rmSync(csrFile(), { force: true });
    await assertRenewSaysWhatToDo();
    expect(readFileSync(csrFile(), 'utf8')).toMatch(/^-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----/u);
  });

  test('ipa-cacert-manage renew --external-ca: the request is written and nothing changes; its answer is taken from the directory, with the chain it put there', async () => {
    const before = await site.onToken(nickname);
    rmSync(csrFile(), { force: true });
    await getcert(site.bus, ['resubmit', '-i', request, '-c', reuse, '-w']);
    await site.untilQuiet(60_000);
    expect(existsSync(csrFile())).toBe(true);
    expect(await site.onToken(nickname)).toEqual(before);
    await back();

    // Nothing of ours knows the chain any more.
    rmSync(path.join(site.stateDir, 'hsmonger', 'imported'), { recursive: true });
    for (const one of [root, intermediate]) {
      await certutil('-D', '-n', one);
      await ds.servers[0]!.change(`dn: ${chainDn(one)}\nchangetype: delete\n`);
    }
    const csr = at('from-file.csr');
    writeFileSync(csr, readFileSync(csrFile()));
    const signed = outside.sign(csr, { days: 3700, extensions: asCa });
    await ds.servers[0]!.change(
      [
        [root, outside.root],
        [intermediate, outside.intermediate],
      ]
        .map(([subject = '', file = '']) => {
          const certificate = new X509Certificate(readFileSync(file));
          const base64 = (value: Uint8Array) => Buffer.from(value).toString('base64');
          return `dn: ${chainDn(subject)}\nchangetype: add\nobjectClass: ipaCertificate\nobjectClass: pkiCA\nobjectClass: ipaKeyPolicy\ncn: ${subject}\nipaCertSubject: ${subject}\nipaCertIssuerSerial: ${root};${BigInt(`0x${certificate.serialNumber}`).toString()}\nipaPublicKey:: ${base64(certificate.publicKey.export({ type: 'spki', format: 'der' }))}\ncACertificate;binary:: ${base64(certificate.raw)}\n\n`;
        })
        .join(''),
    );
    await ds.servers[0]!.change(
      `dn: ${renewalDn()}\nchangetype: modify\nreplace: userCertificate\nuserCertificate:: ${rawIn(signed).toString('base64')}\n`,
    );
    await getcert(site.bus, ['resubmit', '-i', request, '-c', reuse, '-w']);
    await assertServed(rawIn(signed));
    await back();
    await assertChainTrusted();
    await assertPublished(rawIn(signed));
  });

  test('with --force-self-signed, and only so, it signs itself again', async () => {
    await assertRenewSaysWhatToDo();
    await getcert(site.bus, ['resubmit', '-i', request, '-c', selfSigned, '-w']);
    await site.untilQuiet(60_000);
    const [pem = ''] = await site.onToken(nickname);
    const certificate = new X509Certificate(pem);
    expect(certificate.issuer, site.certmonger.log().slice(-3000)).toBe(certificate.subject);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    await assertServed(certificate.raw);
    await assertPublished(certificate.raw);
    await back();
  });
});
