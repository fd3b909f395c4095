import { chownSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installation } from '../../../src/platform/installation.js';
import { runAs } from '../../rig/run-as.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { hsmonger } from '../site.js';
import { tokenSite, type TokenSite } from './site.js';

let site: TokenSite;
let soPinFile: string;
let pinFile: string;
const owner = ensureServiceUser();

beforeAll(async () => {
  site = await tokenSite();
  soPinFile = secret('so.pin', site.token.soPin);
  pinFile = secret('new.pin', 'another-pin-99');
});

afterAll(() => {
  site.remove();
});

function secret(name: string, pin: string): string {
  const file = site.file(name);
  writeFileSync(file, `${pin}\n`, { mode: 0o600 });
  chownSync(file, owner.uid, owner.gid);
  return file;
}

const init = (label: string, ...more: string[]) =>
  hsmonger(
    'token',
    'init',
    '--module',
    site.token.module,
    ...site.here,
    '--token',
    label,
    '--so-pin-file',
    soPinFile,
    '--pin-file',
    pinFile,
    ...more,
  );
const slots = async () =>
  (await runAs(owner, 'pkcs11-tool', ['--module', site.token.module, '-L'], { env: { ...site.token.environment } })).stdout;
const keysOf = (label: string, pin: string) =>
  hsmonger('token', 'keys', '--module', site.token.module, ...site.here, '--token', label, '--pin-file', pin, '--json');

test('a blank token gets its label and both PINs, and its URI names it', async () => {
  const said = await init('pki Zürich');
  expect(said.exitCode, said.err).toBe(0);
  const uri = /URL: (pkcs11:\S+)/u.exec(said.out)?.[1] ?? '';
  expect(await slots()).toContain('token label        : pki Zürich');
  // With both PINs, as OpenSC logs in.
  const login = ['--module', site.token.module, '--token-label', 'pki Zürich', '--login'];
  const env = { ...site.token.environment };
  expect((await runAs(owner, 'pkcs11-tool', [...login, '--pin', 'another-pin-99', '-O'], { env })).exitCode).toBe(0);
  expect(
    (
      await runAs(
        owner,
        'pkcs11-tool',
        [...login, '--login-type', 'so', '--so-pin', site.token.soPin, '--init-pin', '--new-pin', 'another-pin-99'],
        { env },
      )
    ).exitCode,
  ).toBe(0);
  const key = await hsmonger(
    'token',
    'keygen',
    '--type',
    'P-256',
    '--label',
    'first',
    '--module',
    site.token.module,
    ...site.here,
    '--token',
    uri,
    '--pin-file',
    pinFile,
  );
  expect(key.exitCode, key.err).toBe(0);
  expect((await runAs(owner, 'p11tool', ['--provider', site.token.module, '--list-tokens', '--only-urls'], { env })).stdout).toMatch(
    /;token=pki%20Z%C3%BCrich$/mu,
  );
});

test('the service user makes one itself, where root has made one before', async () => {
  const program = path.join(installation().executables, 'hsmonger');
  const order = [
    'token',
    'init',
    '--module',
    site.token.module,
    ...site.here,
    '--token',
    'its own',
    '--so-pin-file',
    soPinFile,
    '--pin-file',
    pinFile,
  ];
  expect((await runAs(owner, program, order)).stdout).toContain("Token 'its own' in slot 0x");
  expect(await slots()).toContain('token label        : its own');
});

test('a label that is there, one certmonger cannot use, and a PIN too short are refused before anything is changed', async () => {
  const before = await slots();
  const cases: [string[], RegExp, number][] = [
    [[site.token.label], /has the label 'softhsm_token' already/u, 1],
    [['a:b'], /holds ':' or '\/'/u, 2],
    [['x'.repeat(33)], /longer than 32 octets/u, 2],
    [['fine', '--pin-file', secret('short.pin', 'abc')], /of 4 to \d+ octets/u, 2],
    [['fine', '--slot', '123456'], /no token in slot 0x1e240 of/u, 1],
  ];
  for (const [[label = '', ...more], message, exitCode] of cases) {
    const said = await hsmonger(
      'token',
      'init',
      '--module',
      site.token.module,
      ...site.here,
      '--token',
      label,
      '--so-pin-file',
      soPinFile,
      ...(more.includes('--pin-file') ? [] : ['--pin-file', pinFile]),
      ...more,
    );
    expect(said).toMatchObject({ exitCode, err: expect.stringMatching(message) as string });
  }
  expect(await slots()).toBe(before);
});

test('of several at once on one blank slot one makes the token, and the others are told', async () => {
  const labels = async () => [...(await slots()).matchAll(/token label +: (.*)$/gmu)].map(([, label]) => label);
  const before = await labels();
  const said = await Promise.all(['raced', 'raced', 'raced'].map((label) => init(label)));
  expect(said.map(({ exitCode }) => exitCode).sort(), said.map(({ err }) => err).join('')).toEqual([0, 1, 1]);
  for (const { err } of said.filter(({ exitCode }) => exitCode === 1))
    expect(err).toMatch(/^hsmonger: The token in slot 0x[0-9a-f]+ of \S+ has the label 'raced' already, [^\n]+\n$/u);
  expect((await labels()).sort()).toEqual([...before, 'raced'].sort());
});

test('a token that is not blank is erased only by its own label, and a wrong security officer PIN is tried once', async () => {
  const made = await init('doomed');
  expect(made.exitCode, made.err).toBe(0);
  const slot = /slot (0x[0-9a-f]+)/u.exec(made.out)?.[1] ?? '';
  expect(await init('next', '--slot', slot)).toMatchObject({ exitCode: 1, err: expect.stringContaining("say --erase 'doomed'") as string });
  expect(await init('next', '--slot', slot, '--erase', 'other')).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining("is not 'other'") as string,
  });
  const right = soPinFile;
  soPinFile = secret('wrong-so.pin', 'wrong-so-pin');
  expect(await init('next', '--slot', slot, '--erase', 'doomed')).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('CKR_PIN_INCORRECT') as string,
  });
  expect(await init('next', '--slot', slot, '--erase', 'doomed')).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('it is not tried again') as string,
  });
  // One attempt: the flag says so, and the label is what it was.
  expect(await slots()).toContain('doomed');
  soPinFile = right;
  const said = await init('next', '--slot', slot, '--erase', 'doomed');
  expect(said.exitCode, said.err).toBe(0);
  expect(await slots()).not.toContain('doomed');
  expect((await keysOf('next', pinFile)).out.trim()).toBe('[]');
});

test("a configured instance's token is erased by nobody, whatever is said", async () => {
  const config = path.join(site.directory, 'etc');
  mkdirSync(config, { recursive: true, mode: 0o755 });
  const file = path.join(config, 'other.toml');
  const toml = (module: string) =>
    `user = "${owner.name}"\n[token]\nlabel = "${site.token.label}"\nmodule = "${module}"\npin-file = "${site.token.pinFile}"\nenvironment = { SOFTHSM2_CONF = "${site.token.confFile}" }\n[nss]\ndatabase = "${site.directory}"\n[issuer]\ntype = "token"\ncertificate = "ca"\n[[certificate]]\nnickname = "ca"\nprofile = "caCACert"\n`;
  await site.made('precious');
  const { out } = await hsmonger('token', 'list', '--json', '--module', site.token.module, ...site.here);
  const slot = String((JSON.parse(out) as { label: string; slotId: number }[]).find(({ label }) => label === site.token.label)!.slotId);
  for (const content of [toml(site.token.module), 'this is not TOML']) {
    writeFileSync(file, content, { mode: 0o644 });
    expect(await init('fresh', '--slot', slot, '--erase', site.token.label)).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(
        /is not erased: (?:It holds the keys of instance 'other'|Whether instance 'other' works with it cannot be told)/u,
      ) as string,
    });
  }
  expect((await keysOf(site.token.label, site.token.pinFile)).out).toContain('precious');
});

test('nor where the instance file means it by another module, a slot or a URI, or does not see it now', async () => {
  const config = path.join(site.directory, 'etc');
  mkdirSync(config, { recursive: true, mode: 0o755 });
  const file = path.join(config, 'other.toml');
  const [copy, empty, nothing] = [site.file('libcopy.so'), site.file('empty.conf'), site.file('no-tokens')];
  copyFileSync(site.token.module, copy);
  mkdirSync(nothing, { mode: 0o755 });
  chownSync(nothing, owner.uid, owner.gid);
  writeFileSync(empty, `directories.tokendir = ${nothing}\nobjectstore.backend = file\n`, { mode: 0o644 });
  const toml = (selector: string, conf: string) =>
    `user = "${owner.name}"\n[token]\n${selector}\nmodule = "${copy}"\npin-file = "${site.token.pinFile}"\nenvironment = { SOFTHSM2_CONF = "${conf}" }\n[nss]\ndatabase = "${site.directory}"\n[issuer]\ntype = "token"\ncertificate = "ca"\n[[certificate]]\nnickname = "ca"\nprofile = "caCACert"\n`;
  const { out } = await hsmonger('token', 'list', '--json', '--module', site.token.module, ...site.here);
  const { slotId, serial, label } = (JSON.parse(out) as { label: string; serial: string; slotId: number }[]).find(
    (one) => one.label === site.token.label,
  )!;
  const before = await slots();
  const cases: [string, string, RegExp][] = [
    [`uri = "pkcs11:serial=${serial}"`, site.token.confFile, /holds the keys of instance 'other'/u],
    [`slot = ${String(slotId)}`, site.token.confFile, /holds the keys of instance 'other'/u],
    [`label = "${label}"`, empty, /instance 'other' works with it cannot be told.*sees none of that name now/u],
    [`uri = "pkcs11:token=${label}"`, empty, /cannot be told/u],
    ['slot = 4711', empty, /cannot be told/u],
  ];
  for (const [selector, conf, message] of cases) {
    writeFileSync(file, toml(selector, conf), { mode: 0o644 });
    expect(await init('fresh', '--slot', String(slotId), '--erase', label), selector).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(message) as string,
    });
  }
  expect(await slots()).toBe(before);
  rmSync(file);
});
