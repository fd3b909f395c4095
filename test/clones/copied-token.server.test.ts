/**
 * docs/clones.md, "A copied SoftHSM token", as an administrator plays it: the second host has a copy of the first one's token, is set up
 * from its instance file, and gets what the first renews with the next copy. Witnesses: getcert, certutil, pkcs11-tool, openssl.
 */
import { chownSync, copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/platform/run.js';
import { startAgent, type RunningAgent } from '../rig/agent.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { dogtagTrust } from '../rig/nss-database.js';
import { runAs } from '../rig/run-as.js';
import { startSite, type Site } from '../rig/site.js';
import type { SoftToken } from '../rig/soft-token.js';

const ca = 'caSigningCert cert-pki-ca';
const ocsp = 'ocspSigningCert cert-pki-ca';
const clone = 'ca2.example.test';
/** What is carried between the hosts, and what of the second one is there before anything else. */
let carried: PrivateDirectory;
let copy: string;
let token: SoftToken;
let first: Site;
let second: Site;
let agent: RunningAgent | undefined;
/** "type id" of the private keys, as they are before anything. */
let keys: string[];

/** What the second host runs has that host's name. */
const there = (program: string, args: readonly string[]) =>
  ['unshare', ['--uts', 'sh', '-c', `hostname ${clone} && exec "$@"`, 'sh', program, ...args]] as const;

beforeAll(async () => {
  carried = privateDirectory('carried');
  copy = path.join(carried.path, 'copied-tokens');
  first = await startSite({ authority: { each: { daysLeft: 200 }, only: { [ca]: { daysLeft: 3000 } } } });
  await first.setUp();
  writeFileSync(
    first.instanceFile,
    readFileSync(first.instanceFile, 'utf8').replace(/^type = "token"$/mu, `type = "token"\nowner = "${hostname()}"`),
  );
  keys = await first.privateKeys();
}, 120_000);

afterAll(async () => {
  await agent?.stop();
  await second.stop();
  await first.stop();
  carried.remove();
});

const copyCheck = (directory = copy) => first.cli('token', 'copy-check', directory);
const startSecondsAgent = () =>
  startAgent(['--bus', second.bus.address, '--config-dir', second.configDir, '--state-dir', second.stateDir], {}, { command: there });
const done = ({ exitCode, stdout, stderr }: Awaited<ReturnType<Site['cli']>>) => {
  expect(exitCode, stdout + stderr).toBe(0);
  return stdout;
};

/** By nickname what getcert says of one thing. */
const getcertOf = async (site: Site, what: 'expires' | 'status' | 'certificate') =>
  Object.fromEntries(
    [...(await site.getcertRecords()).values()].map((record) => [
      /nickname='([^']*)'/u.exec(record.get('certificate') ?? '')?.[1] ?? '',
      record.get(what) ?? '',
    ]),
  );
const ofEach = <T>(value: T) => Object.fromEntries(Object.keys(dogtagTrust).map((nickname) => [nickname, value]));
/** What lies in the host's NSS database itself, where NSS keeps trust: by nickname the flags; of one nickname the certificates, PEM. */
const inDatabase = async ({ nss, owner }: Site, ...args: string[]) =>
  (
    await runAs(owner, 'certutil', ['-L', '-d', `sql:${nss.database}`, '-f', nss.loginFile, ...args], {
      env: { SOFTHSM2_CONF: '/dev/null' },
      cwd: '/',
      okExitCodes: [0, 255],
    })
  ).stdout;
const trustedIn = async (site: Site) =>
  Object.fromEntries(
    await Promise.all(Object.keys(dogtagTrust).map(async (nickname) => [nickname, await inDatabase(site, '-n', nickname, '-a')] as const)),
  );
const issued = ({ ledger }: Site) => new Sqlite(ledger, { readonly: true }).prepare('SELECT count(*) AS n FROM issued').get();

describe('the copy', () => {
  it('as root made it is not whole, and is once what is said was done', async () => {
    await first.certmonger.stop();
    await run('cp', ['-r', first.token.tokenDirectory, copy]);
    const said = await copyCheck();
    expect(said).toMatchObject({
      exitCode: 3,
      stdout: expect.stringMatching(/^'\S+' does not own [^\n]+, so it cannot log in there: chown -R \S+: \S+\.$/u) as string,
    });
    await run('sh', ['-c', /: (chown .*)\.$/u.exec(said.stdout)?.[1] ?? 'false']);
    expect(done(await copyCheck())).toMatch(/ holds the token 'softhsm_token' whole: 4 keys, 4 certificates, serial [0-9a-f]+$/u);
    await first.certmonger.restart();
  });

  it('has another host set up from the first one’s file, with requests at rest for its own place and token', async () => {
    const directory = path.join(carried.path, 'host');
    mkdirSync(directory, { mode: 0o755 });
    const own = (name: string) => path.join(directory, name);
    renameSync(copy, own('tokens'));
    writeFileSync(own('softhsm2.conf'), `directories.tokendir = ${own('tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`);
    copyFileSync(first.token.pinFile, own('pin'));
    chownSync(own('pin'), first.owner.uid, first.owner.gid);
    token = {
      ...first.token,
      confFile: own('softhsm2.conf'),
      tokenDirectory: own('tokens'),
      pinFile: own('pin'),
      environment: { SOFTHSM2_CONF: own('softhsm2.conf') },
    };
    second = await startSite({ beside: { token, authority: first.authority }, command: there, certmonger: { command: there } });
    const file = path.join(second.directory, 'copied.toml');
    copyFileSync(first.instanceFile, file);
    const flags = ['--module-env', `SOFTHSM2_CONF=${token.confFile}`, '--pin-file', token.pinFile, '--dbdir', second.nss.database];
    done(await second.cli('setup', '--yes', '--from', file, ...flags));
    expect(await getcertOf(second, 'status')).toEqual(ofEach('MONITORING'));
    for (const [nickname, certificate] of Object.entries(await getcertOf(second, 'certificate')))
      expect(certificate).toBe(`type=NSSDB,location='sql:${second.nss.database}',nickname='${nickname}',token='${token.label}'`);
    expect(await getcertOf(second, 'expires')).toEqual(await getcertOf(first, 'expires'));
  });

  it('signs with each key there', async () => {
    const checked = JSON.parse(done(await second.cli('token', 'check', '--json'))) as { keys: { ok: boolean }[] };
    expect(checked.keys.map(({ ok }) => ok)).toEqual([true, true, true, true]);
    expect(await second.privateKeys()).toEqual(keys);
    const [data, signature, certificate] = ['data', 'signature', 'certificate'].map((name) => path.join(carried.path, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(data, 'signed on the second host', { mode: 0o644 });
    for (const { pem, keyId } of first.authority.certificates) {
      rmSync(signature, { force: true });
      writeFileSync(signature, '');
      chownSync(signature, first.owner.uid, first.owner.gid);
      const flags = ['--module', token.module, '--token-label', token.label, '--login', '--pin', token.pin];
      const what = ['--sign', '-m', 'SHA256-RSA-PKCS', '--id', keyId, '--input-file', data, '--output-file', signature];
      await runAs(first.owner, 'pkcs11-tool', [...flags, ...what], { env: token.environment });
      writeFileSync(certificate, pem);
      const { stdout: spki } = await run('openssl', ['x509', '-in', certificate, '-noout', '-pubkey']);
      writeFileSync(certificate, spki);
      await run('openssl', ['dgst', '-sha256', '-verify', certificate, '-signature', signature, data]);
    }
  });
});

it.each([
  ['make the CRL', ['crl', '--out', '/nonexistent/ca.crl']],
  ['revoke the certificate', ['revoke', '01', '--reason', 'keyCompromise']],
])('the clone does not %s, and names the owner', async (what, args) => {
  const { exitCode, stderr } = await second.cli('ca', ...args);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: expect.stringContaining(`Refusing to ${what} on '${clone}': by ${second.instanceFile} '${hostname()}' has`) as string,
  });
});

/** What the page has done with a copy: nothing of both hosts runs while it is made, nothing of the clone while it is put in place. */
async function replaceCopy(meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<void> {
  await Promise.all([agent?.stop(), second.certmonger.stop(), first.certmonger.stop()]);
  await meanwhile();
  await run('cp', ['-a', first.token.tokenDirectory, copy]);
  expect(done(await copyCheck())).toMatch(/whole: 4 keys, \d+ certificates/u);
  await first.certmonger.restart();
  rmSync(token.tokenDirectory, { recursive: true });
  renameSync(copy, token.tokenDirectory);
  await second.certmonger.restart();
  agent = startSecondsAgent();
}
const untilOwners = async () => {
  const owners = await getcertOf(first, 'expires');
  await expect.poll(() => getcertOf(second, 'expires'), { timeout: 90_000, interval: 300 }).toEqual(owners);
  await expect.poll(() => getcertOf(second, 'status'), { timeout: 30_000, interval: 300 }).toEqual(ofEach('MONITORING'));
};

describe('what the owner renews', () => {
  it('does not come to the clone by itself', async () => {
    const before = await getcertOf(second, 'expires');
    agent = startSecondsAgent();
    done(await first.cli('renew', '--all', '--wait', '60'));
    expect(issued(first)).toEqual({ n: 4 });
    expect(await getcertOf(second, 'expires')).toEqual(before);
    expect(await second.onToken(ocsp)).toHaveLength(1);
  });

  it('is what the earlier copy lacks, and no key; with the next copy certmonger reads it', async () => {
    await replaceCopy(async () => {
      const { exitCode, stdout } = await copyCheck(token.tokenDirectory);
      expect(exitCode).toBe(3);
      const lines = stdout.split('\n');
      const lacked = lines.filter((line) => line.startsWith('The copy lacks '));
      expect(lacked.map((line) => /^The copy lacks the certificate '([^']+)' .*: copy the token again\.$/u.exec(line)?.[1]).sort()).toEqual(
        Object.keys(dogtagTrust).sort(),
      );
      // certmonger empties a key's label when it saves.
      for (const line of lines.filter((each) => !lacked.includes(each)))
        expect(line).toMatch(/^The private key '' \(CKA_ID \S+\) has another label than in the copy, '[^']+' /u);
      expect(lines).toHaveLength(8);
    });
    await untilOwners();
  });

  it('is trusted there once renew has saved it', async () => {
    const owners = await trustedIn(first);
    expect((await trustedIn(second))[ca]).not.toBe(owners[ca]);
    const told = await second.cli('status');
    expect(told.exitCode).toBe(3);
    expect(told.stdout).toContain('The owner has stored a new certificate, which this host has not saved');
    await agent!.until(/which this host has not saved/u, 30_000);
    const said = await second.cli('renew');
    expect(said.exitCode, said.stderr).toBe(0);
    for (const nickname of Object.keys(dogtagTrust)) expect(said.stderr).toContain(`hsmonger: Finished the saving of '${nickname}'.`);
    expect(await trustedIn(second)).toEqual(owners);
    const listed = await inDatabase(second);
    expect(listed).toMatch(/^caSigningCert cert-pki-ca +CT,C,C *$/mu);
    expect(listed).toMatch(/^auditSigningCert cert-pki-ca +,,P *$/mu);
    // The agent, whom status asks, looks into the ledger again within a minute.
    await expect.poll(async () => (await second.cli('status')).exitCode, { timeout: 90_000, interval: 1000 }).toBe(0);
  });

  it('is waited for where it was asked for on the clone, which says for whom, and goes on with the next copy', async () => {
    const before = await getcertOf(second, 'expires');
    done(await second.cli('renew', ocsp));
    await expect
      .poll(async () => (await second.cli('status')).stdout, { timeout: 30_000, interval: 300 })
      .toContain(`'${hostname()}' renews CN=OCSP Subsystem,O=HSMONGER.TEST and has not yet: nothing newer lies on the token.`);
    expect(await getcertOf(second, 'expires')).toEqual(before);
    expect(await getcertOf(second, 'status')).toEqual({ ...ofEach('MONITORING'), [ocsp]: 'CA_WORKING' });
    done(await first.cli('renew', ocsp, '--wait', '60'));
    await replaceCopy();
    await untilOwners();
    await expect.poll(() => trustedIn(second), { timeout: 30_000, interval: 300 }).toEqual(await trustedIn(first));
  });

  it('was signed on the owner alone, and nothing was removed', async () => {
    expect(issued(first)).toEqual({ n: 5 });
    expect(issued(second)).toEqual({ n: 0 });
    for (const site of [first, second]) {
      expect(await site.privateKeys()).toEqual(keys);
      for (const nickname of Object.keys(dogtagTrust)) expect(await site.onToken(nickname)).toHaveLength(nickname === ocsp ? 3 : 2);
    }
  });
});
