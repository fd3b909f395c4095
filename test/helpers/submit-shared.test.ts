import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readCookie, writeCookie } from '../../src/protocol/cookie.js';
import { importedFile } from '../../src/issuer/external/imported.js';
import { createAuthority, type Authority } from '../rig/authority.js';
import { startDirectoryServers, type DirectoryServers } from '../rig/directory-server.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { createInstance, runHelper, type HelperRun, type TestInstance } from '../rig/instance.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';

// A directory server starts and stops in between.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const ca = 'caSigningCert cert-pki-ca';
const ocsp = 'ocspSigningCert cert-pki-ca';
const owner = ensureServiceUser();

/** Two servers of one CA, one token, one directory: the helper as certmonger runs it on each. */
let scratch: PrivateDirectory;
let token: SoftToken;
let authority: Authority;
let servers: DirectoryServers;
let master: TestInstance;
let replica: TestInstance;
/** The master, who waits for nobody long. */
let hurried: TestInstance;
let lockFile: string;
let csrFile: string;

beforeAll(async () => {
  scratch = privateDirectory('submit-shared');
  token = await createSoftToken({ directory: scratch.path, owner });
  authority = await createAuthority(token, { only: { [ca]: { daysLeft: 3000 } } });
  servers = await startDirectoryServers({
    ca: authority.certificate(ca).der,
    certificates: authority.certificates.map(({ nickname, der }) => ({ nickname, der })),
  });
  lockFile = path.join(scratch.path, 'ipa', 'renewal.lock');
  csrFile = path.join(scratch.path, 'ca.csr');
  const tables = (host: string) => {
    const { uri, base, pkiBase } = servers.servers[0]!.config();
    return `[directory]\nuri = "${uri}"\nbind = "external"\nbase = "${base}"\npki-base = "${pkiBase}"\nhost = "${host}"\n\n[freeipa]\nsubject-base = "O=HSMONGER.TEST"\nlock-file = "${lockFile}"\ncsr-file = "${csrFile}"\n`;
  };
  const common = { directory: scratch.path, token, certificates: authority.certificates };
  master = createInstance({ ...common, name: 'master', extra: { end: tables('ca1.example.test') } });
  hurried = createInstance({
    ...common,
    name: 'hurried',
    extra: { end: `${tables('ca1.example.test')}\n[helper]\ndeadline-seconds = 10\n` },
  });
  replica = createInstance({ ...common, name: 'replica', extra: { end: tables('ca2.example.test') } });
  replica.rewrite((toml) => toml.replace('type = "token"', 'type = "directory"'));
});
beforeEach(async () => {
  // As it was at first.
  for (const { nickname, der } of authority.certificates)
    await servers.servers[0]!.change(
      `dn: cn=${nickname},cn=ca_renewal,cn=ipa,cn=etc,${servers.base}\nchangetype: modify\nreplace: userCertificate\nuserCertificate:: ${der.toString('base64')}\n`,
    );
});
afterAll(async () => {
  await servers.stop();
  scratch.remove();
});

const renewal = (nickname: string, variables: Readonly<Record<string, string>> = {}) => {
  const { csr, pem, profile } = authority.certificate(nickname);
  return {
    CERTMONGER_OPERATION: 'SUBMIT',
    CERTMONGER_CA_NICKNAME: 'dogtag-ipa-ca-renew-agent',
    CERTMONGER_CSR: csr,
    CERTMONGER_CERTIFICATE: pem,
    CERTMONGER_CA_PROFILE: profile,
    ...variables,
  };
};
const poll = (nickname: string, cookie: string) => renewal(nickname, { CERTMONGER_OPERATION: 'POLL', CERTMONGER_CA_COOKIE: cookie });
const certificateOf = ({ stdout }: HelperRun) => new X509Certificate((JSON.parse(stdout) as { certificate: string }).certificate);
const cookieOf = ({ stdout }: HelperRun) => stdout.split('\n')[1]!;
/** What ldapsearch finds. */
async function publishedUnder(nickname: string): Promise<string[]> {
  const text = await servers.servers[0]!.search(
    '-o',
    'ldif-wrap=no',
    '-b',
    `cn=${nickname},cn=ca_renewal,cn=ipa,cn=etc,${servers.base}`,
    '-s',
    'base',
    'userCertificate',
  );
  return [...text.matchAll(/^userCertificate(?:;binary)?:: (\S+)$/gmu)].map(
    ([, base64 = '']) => new X509Certificate(Buffer.from(base64, 'base64')).fingerprint256,
  );
}

describe('two servers of one CA', () => {
  it('the replica waits; the master renews and publishes; then the replica has the same', async () => {
    const waiting = await replica.submit(renewal(ocsp));
    expect(waiting).toMatchObject({ exitCode: 5, stderr: '' });
    expect(Number(waiting.stdout.split('\n')[0])).toBeGreaterThanOrEqual(32);
    expect(Number(waiting.stdout.split('\n')[0])).toBeLessThanOrEqual(48);
    expect(cookieOf(waiting)).toBe(writeCookie('shared', 'caOCSPCert', { state: 'retrieve' }));

    const renewed = await master.submit(renewal(ocsp));
    expect(renewed).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await publishedUnder(ocsp)).toEqual([certificateOf(renewed).fingerprint256]);

    const taken = await replica.submit(poll(ocsp, cookieOf(waiting)));
    expect(taken).toMatchObject({ exitCode: 0, stderr: '' });
    expect(certificateOf(taken).fingerprint256).toBe(certificateOf(renewed).fingerprint256);
    expect(certificateOf(taken).publicKey.equals(new X509Certificate(authority.certificate(ocsp).pem).publicKey)).toBe(true);
  });

  it("the CA's own goes the same way, and its request lies in FreeIPA's file", async () => {
    const renewed = await master.submit(renewal(ca, { CERTMONGER_CA_PROFILE: '' }));
    expect(renewed).toMatchObject({ exitCode: 0, stderr: '' });
    expect(readFileSync(csrFile, 'utf8')).toBe(authority.certificate(ca).csr);
    expect(statSync(csrFile)).toMatchObject({ uid: 0 });
    expect(statSync(csrFile).mode & 0o777).toBe(0o600);
    expect(
      execFileSync('openssl', ['req', '-in', csrFile, '-noout', '-verify', '-subject'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    ).toContain('Certificate Authority');
    expect(certificateOf(await replica.submit(renewal(ca))).fingerprint256).toBe(certificateOf(renewed).fingerprint256);
  });

  it('the lock is free afterwards, and while another program holds it the master waits and then says who', async () => {
    await master.submit(renewal(ocsp));
    expect(readFileSync(lockFile, 'utf8')).toBe('[lock]\nlocked = 0\n\n');
    expect(statSync(lockFile)).toMatchObject({ uid: 0 });
    const freeIpa = (...args: string[]) =>
      execFileSync('python3', [path.join(import.meta.dirname, '../freeipa/renewal-lock.py'), lockFile, ...args], {
        encoding: 'utf8',
      }).trim();
    expect(freeIpa('acquire', 'stop_pkicad')).toBe('acquired');
    expect(await hurried.submit(renewal(ocsp))).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(/RENEWAL_LOCKED: .*'stop_pkicad'/u) as string,
    });
    // Taking needs no lock.
    expect(await replica.submit(renewal(ocsp))).toMatchObject({ exitCode: 0 });
    expect(freeIpa('release', 'stop_pkicad')).toBe('released');
    expect(await master.submit(renewal(ocsp))).toMatchObject({ exitCode: 0 });
  });

  it('each is handed what it has where that is asked for', async () => {
    const old = new X509Certificate(authority.certificate(ocsp).pem).fingerprint256;
    for (const { flags } of [master, replica]) {
      expect(certificateOf(await runHelper([...flags, '--reuse-existing'], renewal(ocsp))).fingerprint256).toBe(old);
    }
    expect(await publishedUnder(ocsp)).toEqual([old]);
  });
});

describe('a directory that is away', () => {
  it('costs nothing: both come back, with the cookie they came with, and the reason is remembered', async () => {
    const { stdout } = await master.submit(renewal(ocsp));
    const { certificate } = JSON.parse(stdout) as { certificate: string };
    const kept = writeCookie('shared', 'caOCSPCert', { state: 'store', certificate });
    await servers.kill(1);
    const away = await master.submit(poll(ocsp, kept));
    expect(away).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('DIRECTORY_UNAVAILABLE') as string });
    expect(cookieOf(away)).toBe(kept);
    expect(readCookie(cookieOf(await replica.submit(renewal(ocsp))), 'caOCSPCert')).toBeUndefined();
    await servers.start(1);
    const back = await master.submit(poll(ocsp, kept));
    expect(certificateOf(back).fingerprint256).toBe(new X509Certificate(certificate).fingerprint256);
    expect(await publishedUnder(ocsp)).toEqual([new X509Certificate(certificate).fingerprint256]);
  });
});

describe('a directory that takes nothing', () => {
  const readOnly = (value: 'on' | 'off') =>
    servers.servers[0]!.change(`dn: cn=config\nchangetype: modify\nreplace: nsslapd-readonly\nnsslapd-readonly: ${value}\n`);

  it('gets the certificate in the end: it is kept in the cookie, and no other is issued', async () => {
    await readOnly('on');
    const refused = await master.submit(renewal(ocsp));
    expect(refused).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('DIRECTORY_') as string });
    const kept = readCookie(cookieOf(refused), 'caOCSPCert');
    expect(kept).toMatchObject({ state: 'store' });
    expect(await publishedUnder(ocsp)).toEqual([new X509Certificate(authority.certificate(ocsp).pem).fingerprint256]);
    const still = await master.submit(poll(ocsp, cookieOf(refused)));
    expect([still.exitCode, cookieOf(still)]).toEqual([5, cookieOf(refused)]);
    await readOnly('off');
    const published = await master.submit(poll(ocsp, cookieOf(still)));
    expect(certificateOf(published).fingerprint256).toBe(
      new X509Certificate(kept?.state === 'store' ? kept.certificate : '').fingerprint256,
    );
    expect(await publishedUnder(ocsp)).toEqual([certificateOf(published).fingerprint256]);
  });
});

describe('the roots', () => {
  it('of a server that only takes are what the directory trusts', async () => {
    const { exitCode, stdout } = await replica.submit({ CERTMONGER_OPERATION: 'FETCH-ROOTS' });
    expect(exitCode).toBe(0);
    const { roots } = JSON.parse(stdout) as { roots: { certificate: string }[] };
    expect(roots.map(({ certificate }) => new X509Certificate(certificate).fingerprint256)).toEqual([
      new X509Certificate(authority.certificate(ca).pem).fingerprint256,
    ]);
  });

  it('are asked for again soon where the directory is away', async () => {
    await servers.kill(1);
    expect(await replica.submit({ CERTMONGER_OPERATION: 'FETCH-ROOTS' })).toMatchObject({ exitCode: 5 });
    await servers.start(1);
  });
});

describe('an outside CA', () => {
  it('is waited for loudly, and its answer handed out once it is there', async () => {
    const instance = createInstance({ directory: scratch.path, token, name: 'outside', certificates: authority.certificates });
    instance.rewrite((toml) => toml.replace('type = "token"', 'type = "external"'));
    const waiting = await instance.submit(renewal(ocsp));
    expect(waiting).toMatchObject({
      exitCode: 2,
      stdout: expect.stringMatching(
        /^Updated certificate not available: CN=OCSP Subsystem,O=HSMONGER.TEST is to be signed by another CA/u,
      ) as string,
    });
    expect(waiting.stderr).toContain('is about to expire');
    const { certificate, roots } = JSON.parse((await master.submit(renewal(ocsp))).stdout) as {
      certificate: string;
      roots: { certificate: string }[];
    };
    const file = importedFile(instance.state, authority.certificate(ocsp).spki);
    mkdirSync(path.dirname(file), { mode: 0o700 });
    writeFileSync(file, certificate + roots.map((root) => root.certificate).join(''), { mode: 0o600 });
    for (const name of [path.dirname(file), file]) chownSync(name, owner.uid, owner.gid);
    expect(certificateOf(await instance.submit(renewal(ocsp))).fingerprint256).toBe(new X509Certificate(certificate).fingerprint256);
  });
});

it('drop = "runuser" is refused where root has something to open first, in one sentence', async () => {
  const instance = createInstance({
    directory: scratch.path,
    token,
    name: 'runuser',
    certificates: authority.certificates,
    extra: { end: readFileSync(replica.file, 'utf8').slice(readFileSync(replica.file, 'utf8').indexOf('[directory]')) },
  });
  instance.rewrite((toml) => toml.replace('user =', 'drop = "runuser"\nuser ='));
  expect(await instance.submit(renewal(ocsp))).toMatchObject({
    exitCode: 4,
    stdout: expect.stringMatching(/^[^\n]*'drop' is "runuser"[^\n]*directory\.bind = "external"[^\n]*"setuid"\.\n$/u) as string,
  });
});
