/**
 * Two hosts, one token: the second reaches it over p11-kit's protocol, is set up from the first one's instance file, and takes what the
 * first renews. Witnesses: getcert, pkcs11-tool, the two ledgers.
 */
import { chownSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import { execa } from 'execa';
import { parse } from 'smol-toml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadInstance } from '../../src/config/load.js';
import { installation } from '../../src/platform/installation.js';
import { run } from '../../src/platform/run.js';
import { askService } from '../../src/service/ask.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { dogtagTrust } from '../rig/nss-database.js';
import { serveToken, type RemoteToken } from '../rig/p11-remote.js';
import { runAs } from '../rig/run-as.js';
import { startSite, type Site } from '../rig/site.js';

const ocsp = 'ocspSigningCert cert-pki-ca';
let shared: PrivateDirectory;
let remote: RemoteToken;
let first: Site;
let second: Site;
let copy: string;
let pinFile: string;

beforeAll(async () => {
  shared = privateDirectory('p11-remote');
  first = await startSite({ authority: { each: { daysLeft: 200 }, only: { 'caSigningCert cert-pki-ca': { daysLeft: 3000 } } } });
  await first.setUp();
  remote = await serveToken(first.token, shared.path);
  second = await startSite({
    beside: { token: remote.token, authority: first.authority },
    command: remote.command,
    certmonger: { command: remote.command },
  });
  copy = path.join(second.directory, 'copied.toml');
  copyFileSync(first.instanceFile, copy);
  pinFile = path.join(second.directory, 'own.pin');
  writeFileSync(pinFile, `${remote.token.pin}\n`, { mode: 0o600 });
  chownSync(pinFile, second.owner.uid, second.owner.gid);
}, 120_000);

afterAll(async () => {
  await second.stop();
  await first.stop();
  await remote.cut();
  shared.remove();
});

const environment = () => Object.entries(remote.token.environment).flatMap(([key, value]) => ['--module-env', `${key}=${value}`]);
const setUpSecond = (...extra: string[]) =>
  second.cli(
    'setup',
    '--yes',
    '--from',
    copy,
    '--module',
    remote.token.module,
    ...environment(),
    '--pin-file',
    pinFile,
    '--dbdir',
    second.nss.database,
    ...extra,
  );
const expires = async (site: Site) =>
  [...(await site.getcertRecords()).values()].find((record) => record.get('certificate')?.includes(`nickname='${ocsp}'`))?.get('expires');

const setOwner = (site: Site, owner: string) => {
  const text = readFileSync(site.instanceFile, 'utf8');
  writeFileSync(site.instanceFile, text.replace(/^owner = .*\n/mu, '').replace(/^type = "token"$/mu, `type = "token"\nowner = "${owner}"`));
};
const numberOf = async (crl: string) =>
  BigInt(
    (
      await run('openssl', ['crl', '-in', crl, '-inform', readFileSync(crl)[0] === 0x30 ? 'DER' : 'PEM', '-noout', '-crlnumber'])
    ).stdout.replace(/^crlNumber=/u, ''),
  );

describe('the second host', () => {
  it('sees the keys of the first, and signs with each, over the line', async () => {
    const flags = [
      '--module',
      remote.token.module,
      '--token',
      remote.token.label,
      ...environment(),
      '--pin-file',
      pinFile,
      '--user',
      second.owner.name,
    ];
    const keys = await second.cli('token', 'keys', '--json', ...flags);
    const witness = await runAs(
      remote.token.owner,
      'pkcs11-tool',
      [
        '--module',
        remote.token.module,
        '--token-label',
        remote.token.label,
        '--login',
        '--pin',
        remote.token.pin,
        '-O',
        '--type',
        'privkey',
      ],
      { env: remote.token.environment },
    );
    expect(
      (JSON.parse(keys.stdout) as { id: string; kind: string }[])
        .filter(({ kind }) => kind === 'private')
        .map(({ id }) => id)
        .sort(),
      keys.stderr,
    ).toEqual([...witness.stdout.matchAll(/ID: +([0-9a-f]+)/gu)].map((match) => match[1]).sort());
    const checked = await second.cli('token', 'check', '--json', ...flags);
    expect(
      (JSON.parse(checked.stdout) as { keys: { ok: boolean }[] }).keys.map(({ ok }) => ok),
      checked.stderr,
    ).toEqual([true, true, true, true]);
  });

  it('is not set up while nobody says who owns ledger and CRL', async () => {
    const said = await setUpSecond();
    expect(said).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/does not say which host owns the CA's ledger and CRL: .*owner = "HOST"/u) as string,
    });
    expect(existsSync(second.instanceFile)).toBe(false);
  });

  it('takes no file somebody else could have changed on the way', async () => {
    const open = path.join(second.directory, 'open.toml');
    copyFileSync(copy, open);
    chownSync(open, second.owner.uid, second.owner.gid);
    expect(await second.cli('setup', '--yes', '--from', open, '--owner', 'ca1.example.test')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('is owned by uid') as string,
    });
  });

  it('says what of the first host is not here', async () => {
    const absent = path.join(second.directory, 'absent.toml');
    writeFileSync(
      absent,
      readFileSync(copy, 'utf8')
        .replace(/^module = .*$/mu, 'module = "/opt/hsm/libhsm.so"')
        .replace(/^pin-file = .*$/mu, 'pin-file = "/nowhere/pin"'),
    );
    const flags = ['setup', '--yes', '--from', absent, '--owner', 'ca1.example.test'];
    expect((await second.cli(...flags)).stderr).toMatch(
      /names the PKCS#11 module \/opt\/hsm\/libhsm\.so, which is not on this host; say where it is with --module\.$/mu,
    );
    expect((await second.cli(...flags, '--module', remote.token.module)).stderr).toMatch(
      /names the PIN file \/nowhere\/pin, .*PINs are never copied/u,
    );
  });

  it('is set up from the file, its own parts in it, and again with nothing to do', async () => {
    const said = await setUpSecond('--owner', 'ca1.example.test');
    expect(said.exitCode, said.stdout + said.stderr + second.certmonger.log().slice(-3000)).toBe(0);
    const file = parse(readFileSync(second.instanceFile, 'utf8')) as Record<string, Record<string, unknown>>;
    expect(file['issuer']).toMatchObject({ type: 'token', owner: 'ca1.example.test' });
    expect(file['token']).toMatchObject({
      label: first.token.label,
      module: remote.token.module,
      'pin-file': pinFile,
      environment: remote.token.environment,
    });
    expect(file['nss']).toEqual({ database: second.nss.database });
    const again = await setUpSecond('--owner', 'ca1.example.test');
    expect(again).toMatchObject({ exitCode: 0, stdout: "Instance 'hsmonger' is set up already; nothing was changed." });
    const piped = (text: string, ...extra: string[]) =>
      execa(
        ...remote.command(path.join(installation().executables, 'hsmonger'), [
          '--bus',
          second.bus.address,
          '--config-dir',
          second.configDir,
          '--state-dir',
          second.stateDir,
          'setup',
          '--yes',
          '--from',
          '-',
          '--module',
          remote.token.module,
          ...environment(),
          '--pin-file',
          pinFile,
          '--dbdir',
          second.nss.database,
          ...extra,
        ]),
        { input: text, reject: false },
      );
    const text = readFileSync(copy, 'utf8');
    expect(await piped(text, '--owner', 'ca1.example.test')).toMatchObject({
      exitCode: 0,
      stdout: "Instance 'hsmonger' is set up already; nothing was changed.",
    });
    expect(await piped('[token')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^hsmonger: standard input is not TOML: /u) as string,
    });
    expect(await piped('')).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/^hsmonger: In standard input: /u) as string });
    expect(await piped(text)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^hsmonger: standard input does not say which host owns/u) as string,
    });
    expect(await setUpSecond('--owner', 'ca9.example.test')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('says otherwise') as string,
    });
  });
});

describe('what only the owner does', () => {
  it('is refused on the clone, with where it is done', async () => {
    const csr = path.join(second.directory, 'server.csr');
    await run('openssl', [
      'req',
      '-new',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      path.join(second.directory, 'server.key'),
      '-subj',
      '/CN=server.example.test',
      '-out',
      csr,
    ]);
    const said = await second.cli('ca', 'issue', '--profile', 'server', '--in', csr, '--out', path.join(second.directory, 'server.crt'));
    expect(said).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(
        /^hsmonger: Refusing to issue the certificate on .*: by .* 'ca1\.example\.test' has the CA's ledger and CRL, and this host/u,
      ) as string,
    });
    expect(existsSync(path.join(second.directory, 'server.crt'))).toBe(false);
  });

  it.each([
    ['revoke the certificate', ['revoke', '01', '--reason', 'keyCompromise']],
    ['revoke the certificate', ['unrevoke', '01']],
    ['make the CRL', ['crl', '--out', 'ca.crl']],
    ['run its OCSP responder', ['ocsp', '--listen', '127.0.0.1:2560']],
    ['export the ledger', ['export-openssl', 'exported']],
  ])('nor does a clone %s (%j)', async (what, args) => {
    const { stderr, exitCode } = await second.cli(
      'ca',
      ...args.map((word) => (['ca.crl', 'exported'].includes(word) ? path.join(second.directory, word) : word)),
    );
    expect({ stderr, exitCode }).toEqual({
      exitCode: 1,
      stderr: expect.stringMatching(
        new RegExp(
          `^hsmonger: Refusing to ${what} on '${hostname()}': by ${second.instanceFile} 'ca1\\.example\\.test' has the CA's ledger and CRL, and this host`,
          'u',
        ),
      ) as string,
    });
    expect(['ca.crl', 'exported'].filter((name) => existsSync(path.join(second.directory, name)))).toEqual([]);
  });

  it('nor does its service user, asked past the command', async () => {
    const instance = loadInstance({ config: second.configDir, state: second.stateDir }, 'hsmonger');
    const place = { instance, directories: { config: second.configDir, state: second.stateDir } };
    await expect(askService(place, 'make CRL', { days: 1, published: [], into: 'stdout', above: [] })).rejects.toMatchObject({
      code: 'CLONE_REFUSED',
    });
    await expect(
      askService(place, 'revoke certificate', { meant: { serial: '01' }, wish: { reason: 'keyCompromise' } }),
    ).rejects.toMatchObject({ code: 'CLONE_REFUSED' });
    await expect(askService(place, 'export issued', undefined)).rejects.toMatchObject({ code: 'CLONE_REFUSED' });
  });

  it('is done on the owner', async () => {
    setOwner(first, hostname());
    const [csr, certificate, crl] = ['server.csr', 'server.crt', 'ca.crl'].map((name) => path.join(first.directory, name)) as [
      string,
      string,
      string,
    ];
    copyFileSync(path.join(second.directory, 'server.csr'), csr);
    const done = async (...args: string[]) => {
      const { exitCode, stdout, stderr } = await first.cli('ca', ...args);
      expect(exitCode, stdout + stderr).toBe(0);
    };
    await done('issue', '--profile', 'server', '--in', csr, '--out', certificate);
    await done('revoke', certificate, '--reason', 'certificateHold');
    await done('unrevoke', certificate);
    await done('revoke', certificate, '--reason', 'keyCompromise');
    await done('crl', '--out', crl);
    expect((await run('openssl', ['crl', '-in', crl, '-inform', 'DER', '-noout', '-text'])).stdout).toMatch(
      /Revoked Certificates:[^]*Key Compromise/u,
    );
    await done('export-openssl', path.join(first.directory, 'exported'));
  });
});

describe('a renewal', () => {
  it('on the clone waits for the owner, signs nothing, and names it', async () => {
    const before = await first.privateKeys();
    const said = await second.cli('renew', ocsp);
    expect(said.exitCode, said.stderr).toBe(0);
    await expect
      .poll(async () => (await second.cli('status')).stdout, { timeout: 60_000, interval: 500 })
      .toContain("'ca1.example.test' renews");
    expect(new Sqlite(second.ledger, { readonly: true }).prepare('SELECT count(*) AS n FROM issued').get()).toEqual({ n: 0 });
    expect(await first.privateKeys()).toEqual(before);
  });

  it('survives a cut line: the clone says so, and goes on when it is back', async () => {
    await remote.cut();
    const dead = await second.cli('token', 'keys');
    expect(dead.exitCode).toBe(1);
    expect(dead.stderr).toMatch(/^hsmonger: There is no token with the label [^\n]+$/u);
    await remote.restore();
    expect((await second.cli('token', 'keys')).exitCode).toBe(0);
  });

  it('by the owner is the clone’s as soon as it looks, through certmonger, with the line cut and back in between', async () => {
    const old = await expires(second);
    const renewed = await first.cli('renew', ocsp, '--wait', '60');
    expect(renewed.exitCode, renewed.stdout + renewed.stderr).toBe(0);
    await remote.cut();
    await remote.restore();
    await expect.poll(() => expires(second), { timeout: 150_000, interval: 1000 }).not.toBe(old);
    expect(await expires(second)).toBe(await expires(first));
    await second.untilQuiet(60_000);
    // Trust is a matter of each host's own database.
    expect(await second.tokenTrust()).toEqual(dogtagTrust);
    expect(await first.tokenTrust()).toEqual(dogtagTrust);
    expect(new Sqlite(second.ledger, { readonly: true }).prepare('SELECT count(*) AS n FROM issued').get()).toEqual({ n: 0 });
    expect(new Sqlite(first.ledger, { readonly: true }).prepare('SELECT count(*) AS n FROM issued').get()).toEqual({ n: 2 });
    // Neither removes a key, and the owner leaves the superseded certificate to those who have not looked yet.
    expect(await first.onToken(ocsp)).toHaveLength(2);
    expect(await first.privateKeys()).toHaveLength(4);
  }, 240_000);
});

describe('once the owner is another', () => {
  it('the clone makes the CRL, above the one that is published', async () => {
    const published = path.join(first.directory, 'ca.crl');
    setOwner(second, hostname());
    const crl = path.join(second.directory, 'ca.crl');
    const said = await second.cli('ca', 'crl', '--out', crl, '--above', published);
    expect(said.exitCode, said.stdout + said.stderr).toBe(0);
    expect(await numberOf(crl)).toBe((await numberOf(published)) + 1n);
  });

  it('and the one who was it is a clone', async () => {
    setOwner(first, 'ca2.example.test');
    expect(await first.cli('ca', 'crl', '--out', path.join(first.directory, 'ca.crl'))).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("'ca2.example.test' has the CA's ledger and CRL") as string,
    });
  });
});
