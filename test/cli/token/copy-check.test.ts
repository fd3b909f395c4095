/** FreeIPA's page: "securely copy the token subdirectory to the new replica": two directories, and what may be wrong with the second. */
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createAuthority } from '../../rig/authority.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { runAs } from '../../rig/run-as.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../../rig/soft-token.js';
import { hsmonger } from '../site.js';

let scratch: PrivateDirectory;
let token: SoftToken;
let copy: string;
const owner = ensureServiceUser();

beforeAll(async () => {
  scratch = privateDirectory('copy');
  token = await createSoftToken({ directory: scratch.path, owner });
  await createAuthority(token);
  copy = path.join(scratch.path, 'copy');
});
afterAll(() => {
  scratch.remove();
});
beforeEach(() => {
  copied();
});

/** cp -a, as the admin does. */
function copied(from = token.tokenDirectory): void {
  if (existsSync(copy)) rmSync(copy, { recursive: true });
  cpSync(from, copy, { recursive: true, preserveTimestamps: true });
  own(copy);
}

function own(directory: string): void {
  for (const name of ['.', ...readdirSync(directory, { recursive: true, encoding: 'utf8' })])
    chownSync(path.join(directory, name), owner.uid, owner.gid);
}

const check = (...more: string[]) =>
  hsmonger(
    'token',
    'copy-check',
    copy,
    '--module',
    token.module,
    '--token',
    token.label,
    '--module-env',
    `SOFTHSM2_CONF=${token.confFile}`,
    '--pin-file',
    token.pinFile,
    '--user',
    owner.name,
    '--state-dir',
    path.join(scratch.path, 'state'),
    ...more,
  );
const files = () =>
  readdirSync(copy, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.object') && !name.endsWith('token.object'));

it('a whole copy is one', async () => {
  const said = await check();
  expect(said, said.err).toMatchObject({
    exitCode: 0,
    out: expect.stringMatching(/holds the token 'softhsm_token' whole: 4 keys, 4 certificates, serial [0-9a-f]+\n$/u) as string,
  });
});

it('a copy made as root, or open to others, is told with the command that mends it', async () => {
  for (const name of readdirSync(copy, { recursive: true, encoding: 'utf8' })) chownSync(path.join(copy, name), 0, 0);
  chownSync(copy, 0, 0);
  chmodSync(copy, 0o700);
  expect(await check()).toMatchObject({ exitCode: 3, out: expect.stringContaining(`chown -R ${owner.name}: ${copy}`) as string });
  own(copy);
  const [file = ''] = files();
  chmodSync(path.join(copy, file), 0o644);
  expect(await check()).toMatchObject({ exitCode: 3, out: expect.stringContaining(`chmod -R go= ${copy}`) as string });
});

it('an object that did not come along, or was made afterwards, is named', async () => {
  const before = files();
  await runAs(
    owner,
    'pkcs11-tool',
    [
      '--module',
      token.module,
      '--token-label',
      token.label,
      '--login',
      '--pin',
      token.pin,
      '--keypairgen',
      '--key-type',
      'rsa:2048',
      '--id',
      '77',
      '--label',
      'late',
    ],
    { env: token.environment },
  );
  expect(await check()).toMatchObject({
    exitCode: 3,
    out: "The copy lacks the private key 'late' (CKA_ID 77): copy the token again.\nThe copy lacks the public key 'late': copy the token again.\n",
  });
  copied();
  expect((await check()).exitCode).toBe(0);
  const added = files().filter((name) => !before.includes(name));
  for (const name of added) rmSync(path.join(copy, name));
  expect((await check()).out).toContain("lacks the private key 'late'");
});

it.each(['pubkey', 'secrkey', 'data'])('so is what no certificate goes with: %s', async (type) => {
  const tool = (...args: string[]) =>
    runAs(owner, 'pkcs11-tool', ['--module', token.module, '--token-label', token.label, '--login', '--pin', token.pin, ...args], {
      env: token.environment,
    });
  if (type === 'secrkey') await tool('--keygen', '--key-type', 'AES:16', '--label', 'storage');
  if (type === 'data') await tool('--write-object', token.confFile, '--type', 'data', '--label', 'storage', '--private');
  if (type !== 'pubkey') {
    expect(await check()).toMatchObject({ exitCode: 3, out: expect.stringMatching(/^The copy lacks the .* 'storage': copy/u) as string });
    return;
  }
  // Gone from the original: the copy has more.
  await tool('--keypairgen', '--key-type', 'rsa:2048', '--id', '78', '--label', 'half');
  copied();
  await tool('--delete-object', '--type', 'pubkey', '--id', '78');
  expect(await check()).toMatchObject({ exitCode: 3, out: expect.stringMatching(/^The copy has a public key 'half' that/mu) as string });
});

it('a copy with an earlier PIN is told, and costs the token here nothing', async () => {
  copied();
  const earlier = readFileSync(token.pinFile, 'utf8').trim();
  const change = async (from: string, to: string) => {
    await runAs(
      owner,
      'pkcs11-tool',
      ['--module', token.module, '--token-label', token.label, '--login', '--pin', from, '--change-pin', '--new-pin', to],
      { env: token.environment },
    );
    writeFileSync(token.pinFile, `${to}\n`);
  };
  await change(earlier, 'changed since');
  try {
    const said = await check();
    expect(said).toMatchObject({ exitCode: 1, err: expect.stringContaining(`The copy in ${copy} does not take the PIN`) as string });
    // Of the PIN that is right here nothing bad is remembered.
    copied();
    expect(await check()).toMatchObject({ exitCode: 0 });
  } finally {
    await change('changed since', earlier);
  }
});

it('a copy below a directory of root’s alone is not seen, and that is said', async () => {
  const closed = path.join(scratch.path, 'closed');
  mkdirSync(closed, { mode: 0o700 });
  const open = copy;
  copy = path.join(closed, 'copy');
  copied();
  try {
    expect(await check()).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining(`'${owner.name}' sees no token '${token.label}' in ${copy}: `) as string,
    });
  } finally {
    copy = open;
    rmSync(closed, { recursive: true });
  }
});

it('a directory that holds no token says so of itself, not of the token here', async () => {
  expect(
    await hsmonger(
      'token',
      'copy-check',
      scratch.path,
      '--module',
      token.module,
      '--token',
      token.label,
      '--module-env',
      `SOFTHSM2_CONF=${token.confFile}`,
      '--pin-file',
      token.pinFile,
      '--user',
      owner.name,
      '--state-dir',
      path.join(scratch.path, 'state'),
    ),
  ).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining(`sees no token '${token.label}' in ${scratch.path}: it must hold`) as string,
  });
});

it('another token of the same label is no copy, and two of one label are refused', async () => {
  const other = path.join(scratch.path, 'other');
  mkdirSync(other, { recursive: true });
  const stranger = await createSoftToken({ directory: other, owner });
  copied(stranger.tokenDirectory);
  expect((await check()).out).toMatch(
    /has the serial [0-9a-f]+, and 'softhsm_token' here has [0-9a-f]+: it is another token, not a copy\./u,
  );
  cpSync(token.tokenDirectory, copy, { recursive: true });
  own(copy);
  expect(await check()).toMatchObject({
    exitCode: 1,
    out: '',
    err: expect.stringContaining("more than one token with the label 'softhsm_token'") as string,
  });
});

it('is for SoftHSM alone', async () => {
  const said = await hsmonger(
    'token',
    'copy-check',
    copy,
    '--module',
    '/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so',
    '--token',
    'x',
    '--user',
    owner.name,
    '--state-dir',
    path.join(scratch.path, 'state'),
  );
  expect(said).toMatchObject({ exitCode: 2, err: expect.stringContaining('is not SoftHSM') as string });
});
