/**
 * A replica without an HSM: every key in its NSS database, which has a password. The renewal master, played by certutil and ldapmodify,
 * publishes; the built helper takes, the real certmonger saves, our post-save does the rest.
 */
import { X509Certificate, randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { hsmonger, type Said } from '../cli/site.js';
import { startAgent, type RunningAgent } from '../rig/agent.js';
import { startBus, type PrivateBus } from '../rig/bus.js';
import { getcertRecords, startCertmonger, type Certmonger } from '../rig/certmonger.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { startDirectoryServers, type DirectoryServers } from '../rig/directory-server.js';
import { directoryTable } from '../rig/directory-table.js';
import { createNssDatabase, type NssDatabase } from '../rig/nss-database.js';
import { runAs } from '../rig/run-as.js';
import { ensureServiceUser } from '../rig/service-user.js';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const ca = 'caSigningCert cert-pki-ca';
const audit = 'auditSigningCert cert-pki-ca';
const subsystem = 'subsystemCert cert-pki-ca';
const usages = {
  [ca]: ['--keyUsage', 'certSigning,crlSigning,critical', '-2'],
  [audit]: ['--keyUsage', 'digitalSignature,critical'],
  [subsystem]: ['--keyUsage', 'digitalSignature,keyEncipherment,critical', '--extKeyUsage', 'clientAuth'],
};
type Nickname = keyof typeof usages;
const subjects = {
  [ca]: 'CN=Certificate Authority,O=HSMONGER.TEST',
  [audit]: 'CN=CA Audit,O=HSMONGER.TEST',
  [subsystem]: 'CN=CA Subsystem,O=HSMONGER.TEST',
};
const nicknames = [ca, audit, subsystem] as const;
/** What certutil asks for -2: a CA, however deep, critical. */
const answers = { input: 'y\n-1\ny\n' };
const owner = ensureServiceUser();

let scratch: PrivateDirectory;
let nss: NssDatabase;
let ds: DirectoryServers;
let bus: PrivateBus;
let certmonger: Certmonger;
let agent: RunningAgent | undefined;
let keys: string[];
let serial = 1;

const certutil = async (args: readonly string[], options: { readonly input?: string } = {}) =>
  (await runAs(owner, 'certutil', [...args, '-d', `sql:${nss.database}`], { cwd: '/', ...options })).stdout;
const noise = () => {
  const file = path.join(scratch.path, 'noise');
  writeFileSync(file, randomBytes(64));
  chownSync(file, owner.uid, owner.gid);
  return file;
};
const flags = () => ['--bus', bus.address, '--config-dir', path.join(scratch.path, 'etc'), '--state-dir', path.join(scratch.path, 'state')];
const here = (...argv: string[]): Promise<Said> => hsmonger(...argv, '--instance', 'replica', ...flags());
const idOf = (nickname: string) => `replica.${nickname.replaceAll(' ', '_')}`;
/** PEM of every certificate there is under the nickname. */
const stored = async (nickname: string) =>
  (await certutil(['-L', '-n', nickname, '-a']))
    .match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/gu)!
    .map((pem) => new X509Certificate(pem));
const trustOf = async (nickname: string) => new RegExp(`^${nickname} +(\\S*)`, 'mu').exec(await certutil(['-L']))?.[1];
const privateKeys = async () => (await certutil(['-K', '-f', nss.loginFile])).match(/\b[0-9a-f]{40}\b/gu)!.sort();

beforeAll(async () => {
  scratch = privateDirectory('without-hsm');
  nss = await createNssDatabase({ directory: scratch.path, owner, password: 'internal=pw with blank' });
  for (const nickname of nicknames) {
    await certutil(
      [
        '-S',
        '-n',
        nickname,
        '-s',
        subjects[nickname],
        ...(nickname === ca ? ['-x'] : ['-c', ca]),
        '-t',
        nickname === ca ? 'CTu,Cu,Cu' : 'u,u,u',
        '-v',
        '6',
        '-g',
        '2048',
        '-m',
        String(serial++),
        '-z',
        noise(),
        '-f',
        nss.loginFile,
        ...usages[nickname],
      ],
      answers,
    );
  }
  keys = await privateKeys();
  const certificates = await Promise.all(nicknames.map(async (nickname) => ({ nickname, der: (await stored(nickname))[0]!.raw })));
  ds = await startDirectoryServers({ ca: certificates[0]!.der, certificates });
  bus = await startBus(scratch.path);
  certmonger = await startCertmonger({ directory: scratch.path, bus });
  mkdirSync(path.join(scratch.path, 'etc'), { mode: 0o755 });
  const tables = nicknames.map(
    (nickname) =>
      `[[certificate]]\nnickname = "${nickname}"\nprofile = "${{ [ca]: 'caCACert', [audit]: 'caSignedLogCert', [subsystem]: 'caSubsystemCert' }[nickname]}"\ntoken = "internal"\n`,
  );
  writeFileSync(
    path.join(scratch.path, 'etc/replica.toml'),
    `user = "${owner.name}"\n[nss]\ndatabase = "${nss.database}"\npassword-file = "${nss.passwordFile!}"\n[issuer]\ntype = "directory"\ncertificate = "${ca}"\n${directoryTable({ ...ds.servers[0]!.config(), host: 'ca2.example.test' })}[freeipa]\nsubject-base = "O=HSMONGER.TEST"\nlock-file = "${path.join(scratch.path, 'renewal.lock')}"\ncsr-file = "${path.join(scratch.path, 'ca.csr')}"\n${tables.join('')}`,
  );
});

afterAll(async () => {
  await agent?.stop();
  await certmonger.stop();
  await bus.stop();
  await ds.stop();
  scratch.remove();
});

/** A certificate that lasts longer, for the same key, signed by the CA's: what the renewal master publishes. */
async function publish(nickname: Nickname): Promise<X509Certificate> {
  const request = await certutil(['-R', '-k', nickname, '-s', subjects[nickname], '-a', '-f', nss.loginFile, '-z', noise()]);
  const file = path.join(scratch.path, 'request.pem');
  writeFileSync(file, request.slice(request.indexOf('-----BEGIN')));
  const pem = await certutil(
    ['-C', '-c', ca, '-i', file, '-a', '-v', '24', '-m', String(serial++), '-f', nss.loginFile, ...usages[nickname]],
    answers,
  );
  const certificate = new X509Certificate(pem.slice(pem.indexOf('-----BEGIN')));
  await ds.servers[0]!.change(
    `dn: cn=${nickname},cn=ca_renewal,cn=ipa,cn=etc,${ds.base}\nchangetype: modify\nreplace: userCertificate\nuserCertificate:: ${certificate.raw.toString('base64')}\n`,
  );
  return certificate;
}

async function until(nickname: string, what: (record: Map<string, string>) => boolean): Promise<void> {
  for (const end = Date.now() + 90_000; ; await sleep(200)) {
    const record = (await getcertRecords(bus)).get(idOf(nickname));
    if (record !== undefined && what(record)) return;
    if (Date.now() > end)
      throw new Error(
        `${JSON.stringify([...(record ?? [])])}\n${(await here('status')).out}\n${agent?.log() ?? ''}\n${certmonger.log().slice(-4000)}`,
      );
  }
}

/** certmonger serves it, and it alone is there, with its key and this trust; the one before is kept. */
async function served(nickname: Nickname, certificate: X509Certificate, trust: string): Promise<void> {
  await until(
    nickname,
    (record) => record.get('status') === 'MONITORING' && Date.parse(record.get('expires') ?? '') === Date.parse(certificate.validTo),
  );
  expect((await stored(nickname)).map(({ fingerprint256 }) => fingerprint256)).toEqual([certificate.fingerprint256]);
  expect(await trustOf(nickname)).toBe(trust);
  expect(await privateKeys()).toEqual(keys);
  expect(readdirSync(path.join(scratch.path, 'state/replica/superseded')).some((name) => name.includes(nickname.split(' ')[0]!))).toBe(
    true,
  );
}

test('setup tracks what the instance file says, without a token and without registering anything', async () => {
  const modules = readFileSync(path.join(nss.database, 'pkcs11.txt'), 'utf8');
  const said = await here('setup', '--yes');
  expect(said.exitCode, said.err + said.out).toBe(0);
  expect(said.out.match(/^track '/gmu)).toHaveLength(3);
  for (const nickname of nicknames) await until(nickname, (record) => record.get('status') === 'MONITORING');
  expect(await here('setup', '--yes')).toMatchObject({ exitCode: 0, out: expect.stringContaining('nothing was changed') as string });
  expect(readFileSync(path.join(nss.database, 'pkcs11.txt'), 'utf8')).toBe(modules);
  expect(await here('status')).toMatchObject({ exitCode: 0 });
});

test('what nobody has published yet is waited for, and status says so', async () => {
  await here('renew', audit);
  await until(audit, (record) => record.get('status') === 'CA_WORKING');
  const said = await here('status');
  expect(said.out).toContain("has not published a new certificate for 'auditSigningCert cert-pki-ca'");
  expect(await privateKeys()).toEqual(keys);
});

test('once it is published it is taken, saved with its trust, and the old one is gone', async () => {
  const certificate = await publish(audit);
  await here('renew', audit);
  await served(audit, certificate, 'u,u,Pu');
  expect(await here('status')).toMatchObject({ exitCode: 0 });
});

test('the agent has the others taken as soon as they are published, the CA with all its trust', async () => {
  agent = startAgent([...flags(), '--poll', '3600']);
  await agent.until(/following the renewal master/u, 20_000);
  await sleep(8000);
  const published = { [subsystem]: await publish(subsystem), [ca]: await publish(ca) };
  await served(subsystem, published[subsystem], 'u,u,u');
  await served(ca, published[ca], 'CTu,Cu,Cu');
  // The agent, whom status asks, looks a moment later.
  await expect.poll(async () => (await here('status')).exitCode, { timeout: 90_000, interval: 500 }).toBe(0);
});

test('unsetup leaves certificates and keys where they are', async () => {
  const before = await certutil(['-L']);
  expect(await here('unsetup', '--yes')).toMatchObject({ exitCode: 0 });
  expect([await certutil(['-L']), await privateKeys()]).toEqual([before, keys]);
  expect((await getcertRecords(bus)).size).toBe(0);
});
