import { chownSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accountOf } from '../../src/platform/service-user.js';
import { createAuthority, type Authority } from '../rig/authority.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { runAs } from '../rig/run-as.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';
import { hsmonger } from './site.js';

let directory: PrivateDirectory;
let token: SoftToken;
let authority: Authority;
let flags: string[];

beforeAll(async () => {
  directory = privateDirectory();
  token = await createSoftToken({ directory: directory.path, owner: ensureServiceUser() });
  authority = await createAuthority(token);
  flags = [
    '--module',
    token.module,
    '--module-env',
    `SOFTHSM2_CONF=${token.confFile}`,
    '--pin-file',
    token.pinFile,
    '--config-dir',
    path.join(directory.path, 'etc'),
    '--state-dir',
    path.join(directory.path, 'state'),
  ];
});

afterAll(() => {
  directory.remove();
});

test('without an instance file, list shows the tokens of the module as the service user sees them', async () => {
  const said = await hsmonger('token', 'list', '--json', ...flags);
  expect(said.exitCode, said.err).toBe(0);
  const tokens = JSON.parse(said.out) as { label: string; serial: string; initialized: boolean }[];
  const listed = await runAs(token.owner, 'pkcs11-tool', ['--module', token.module, '-L'], { env: { ...token.environment } });
  const [ours] = tokens.filter(({ initialized }) => initialized);
  expect(ours?.label).toBe('softhsm_token');
  expect(listed.stdout).toContain(`serial num         : ${ours!.serial}`);
});

test("by flags a command works in no instance's place: not in another user's, and it makes none for whom setup would refuse", async () => {
  const state = path.join(directory.path, 'elsewhere');
  const elsewhere = [...flags.slice(0, -1), state];
  expect(await hsmonger('token', 'keys', ...elsewhere)).toMatchObject({ exitCode: 0 });
  expect(readdirSync(state).sort()).toEqual(['.by-flags', '.pins']);
  const place = path.join(state, 'hsmonger');
  mkdirSync(place, { mode: 0o700 });
  chownSync(place, accountOf('games').uid, accountOf('games').gid);
  expect(await hsmonger('token', 'list', ...elsewhere)).toMatchObject({ exitCode: 0, err: '' });
  // 3: the token is not empty.
  expect(await hsmonger('setup', '--print-pkispawn', '--token', token.label, ...elsewhere)).toMatchObject({ exitCode: 3 });
  rmSync(state, { recursive: true });
});

test('keys shows the keys pkcs11-tool shows, each with its certificate and a URI p11tool understands', async () => {
  const said = await hsmonger('token', 'keys', '--json', ...flags);
  expect(said.exitCode, said.err).toBe(0);
  const all = JSON.parse(said.out) as {
    kind: string;
    id: string;
    type: string;
    size: number;
    sensitive: boolean;
    extractable: boolean;
    certificates: string[];
    uri: string;
  }[];
  const keys = all.filter(({ kind }) => kind === 'private');
  expect(
    all
      .filter(({ kind }) => kind === 'public')
      .map(({ id }) => id)
      .sort(),
  ).toEqual(keys.map(({ id }) => id).sort());
  const witness = await runAs(
    token.owner,
    'pkcs11-tool',
    ['--module', token.module, '--token-label', token.label, '--login', '--pin', token.pin, '-O', '--type', 'privkey'],
    { env: { ...token.environment } },
  );
  const ids = [...witness.stdout.matchAll(/ID: +([0-9a-f]+)/gu)].map((match) => match[1]).sort();
  expect(keys.map(({ id }) => id).sort()).toEqual(ids);
  for (const { id, type, size, sensitive, extractable, certificates } of keys) {
    expect({ type, size, sensitive, extractable }).toEqual({ type: 'RSA', size: 2048, sensitive: true, extractable: false });
    expect(certificates).toEqual([authority.certificates.find(({ keyId }) => keyId === id)!.nickname]);
  }
  const shown = await runAs(
    token.owner,
    'p11tool',
    ['--provider', token.module, '--login', '--set-pin', token.pin, '--list-privkeys', '--only-urls', keys[0]!.uri],
    { env: { ...token.environment } },
  );
  expect(
    shown.stdout
      .trim()
      .split('\n')
      .filter((line) => line.startsWith('pkcs11:')),
  ).toHaveLength(1);
});

/** SoftHSM does. */
const allOfIt = [
  'make RSA keys',
  'make keys on curves',
  'make Ed25519 keys',
  'sign with RSA, PKCS#1',
  'sign with RSA, PSS',
  'sign with a key on a curve',
  'sign with Ed25519',
];

test('check says of a token without keys what can be done with it', async () => {
  // In a module of its own: beside it the other would have to be named.
  const place = path.join(directory.path, 'empty');
  mkdirSync(place, { mode: 0o755 });
  const empty = await createSoftToken({ directory: place, owner: ensureServiceUser() });
  const at = flags.map((word) => word.replace(token.confFile, empty.confFile).replace(token.pinFile, empty.pinFile));
  const { keys, hsmonger: uses } = JSON.parse((await hsmonger('token', 'check', '--json', ...at)).out) as {
    keys: unknown[];
    hsmonger: { use: string; wanted: string[]; possible: string[]; mechanisms: string[] }[];
  };
  expect(keys).toEqual([]);
  expect(uses.map(({ use }) => use)).toEqual(allOfIt);
  for (const { wanted, possible } of uses) expect(possible).toEqual(wanted);
  // Each is true: a key of each kind is made, and signs.
  for (const type of uses.slice(0, 3).flatMap(({ possible }) => possible.filter((one) => !/rsa:[34]/u.test(one))))
    expect(await hsmonger('token', 'keygen', '--type', type, '--label', type.replace(':', ' '), ...at)).toMatchObject({ exitCode: 0 });
  const after = await hsmonger('token', 'check', '--json', ...at);
  expect(after.exitCode, after.err).toBe(0);
  const { keys: made } = JSON.parse(after.out) as { keys: { mechanism: string }[] };
  expect(made).toHaveLength(5);
  for (const { mechanism } of made) expect(uses.slice(3).flatMap(({ mechanisms }) => mechanisms)).toContain(mechanism);
});

test('check signs with every key and verifies', async () => {
  const said = await hsmonger('token', 'check', ...flags);
  expect(said.exitCode, said.err).toBe(0);
  const lines = said.out.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^LABEL +ID +TYPE +RESULT +MECHANISM +LATENCY +FASTEST +PROTECTION +PROBLEM$/u);
  const end = lines.indexOf('');
  expect(lines.slice(1, end)).toHaveLength(4);
  expect(lines.slice(1, end).every((line) => /RSA 2048 +ok +CKM_SHA256_RSA_PKCS +\d+\.\d ms +\d+\.\d ms +full$/u.test(line))).toBe(true);
  const uses = lines.slice(end + 1, lines.lastIndexOf('')).map((line) => line.split(/ {2,}/u));
  expect(uses[0]).toEqual(['HSMONGER CAN', 'ANSWER', 'MECHANISM']);
  expect(uses.slice(1).map(([use, answer]) => [use, answer])).toEqual(allOfIt.map((use) => [use, 'yes']));
  expect(lines.slice(lines.lastIndexOf('') + 2).map((line) => line.split(/ {2,}/u).slice(0, 2))).toEqual(
    ['CKM_RSA_PKCS_KEY_PAIR_GEN', 'CKM_RSA_X_509', 'CKM_RSA_PKCS'].map((name) => [name, 'yes']),
  );
});

test('a wrong PIN is one clear sentence, and the second time it is not even tried', async () => {
  const wrong = path.join(directory.path, 'wrong.pin');
  writeFileSync(wrong, 'not-the-pin\n', { mode: 0o600 });
  chownSync(wrong, token.owner!.uid, token.owner!.gid);
  const wrongFlags = flags.map((word) => (word === token.pinFile ? wrong : word));
  const first = await hsmonger('token', 'check', ...wrongFlags);
  const second = await hsmonger('token', 'check', ...wrongFlags);
  for (const said of [first, second]) {
    expect(said.exitCode).toBeGreaterThan(0);
    expect(said.err).toMatch(/^hsmonger: [^\n]+\n$/u);
    expect(said.err + said.out).not.toContain('not-the-pin');
  }
  expect(second.err).not.toBe(first.err);
});
