/** The same take-over on a server whose keys are all in its NSS database, as most IPA servers' are. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renewAgent, startIpaServerWithoutHsm, type IpaServer } from '../../../rig/ipa-server.js';
import { ensureServiceUser } from '../../../rig/service-user.js';
import { hsmongerOn, records, restedOn } from './on-ipa-server.js';

let server: IpaServer;
let before: string;
let casBefore: string;
let keysBefore: string;

beforeAll(async () => {
  server = await startIpaServerWithoutHsm();
  before = await restedOn(server);
  casBefore = await server.casListing();
  keysBefore = await server.privateKeys();
}, 240_000);

afterAll(async () => {
  await server.stop();
});

const hsmonger = (...argv: string[]) => hsmongerOn(server, ...argv);
const setUp = (...flags: string[]) => hsmonger('setup', '--freeipa', '--yes', ...flags);
const instanceFile = () => path.join(server.config, `${renewAgent}.toml`);
const pinFile = () => path.join(server.config, `${renewAgent}.nss-pin`);
const passwordConf = () => path.join(server.root, 'etc/pki/pki-tomcat/password.conf');

test("the requests are those FreeIPA makes: no token, the database's password in clear", () => {
  expect(records(before).size).toBe(10);
  expect(before.match(/pin set/gu)).toHaveLength(9);
  expect(before.match(/token='NSS Certificate DB'/gu)).toHaveLength(18);
  expect(keysBefore.split('\n')).toHaveLength(9);
});

test.each(['--token', '--module', '--pin-file', '--library', '--module-env'])(
  '%s is refused where there is no HSM it could speak of',
  async (flag) => {
    const said = await setUp(flag, flag === '--module-env' ? 'A=b' : '/x');
    expect([said.exitCode, readdirSync(server.config)]).toEqual([2, []]);
    expect(said.err).toContain(`so ${flag} says nothing here`);
  },
);

test("a wrong database password in Dogtag's file is tried once, however often setup is run, and a missing one is asked for", async () => {
  const whole = readFileSync(passwordConf(), 'utf8');
  writeFileSync(passwordConf(), whole.replace(/^internal=.*$/mu, 'internal=wrong'));
  const first = await setUp();
  const second = await setUp();
  writeFileSync(passwordConf(), whole.replace(/^internal=.*\n/mu, ''));
  const missing = await setUp();
  writeFileSync(passwordConf(), whole);
  expect(first.err).toMatch(/refused the PIN|incorrect/iu);
  expect(second.err).toMatch(/is not tried again/u);
  expect(missing.err).toMatch(/has no line 'internal='/u);
  expect([first.exitCode, second.exitCode, missing.exitCode]).not.toContain(0);
  expect(readdirSync(server.config)).toEqual([]);
  rmSync(path.join(server.state, renewAgent), { recursive: true, force: true });
});

test('a dry run tells all of it and does none of it', async () => {
  const said = await setUp('--dry-run');
  expect(said.exitCode, said.err).toBe(3);
  expect(said.out.match(/^would modify the request of /gmu)).toHaveLength(10);
  expect(said.out.match(/^would set the helper of certmonger's CA /gmu)).toHaveLength(3);
  expect(said.out.match(/^would write /gmu)).toHaveLength(2);
  expect(said.out).not.toMatch(/register|replace|HSM/u);
  expect([readdirSync(server.config), existsSync(path.join(server.state, renewAgent)), await server.listing()]).toEqual([
    [],
    false,
    before,
  ]);
});

test('setup --freeipa takes them over where they are, with the password from a file', async () => {
  const said = await setUp();
  expect(said.exitCode, said.err + said.out).toBe(0);
  const listed = await restedOn(server);
  const now = records(listed);
  expect(now.size).toBe(10);
  expect(
    [...now.keys()].every((id) => id.startsWith(`${renewAgent}.`)),
    listed,
  ).toBe(true);
  expect(listed).not.toContain('pin set');
  expect(
    listed.match(
      new RegExp(`type=NSSDB,location='${server.nss.database}',nickname='[^']*',token='NSS Certificate DB',pinfile='${pinFile()}'`, 'gu'),
    ),
  ).toHaveLength(9);
  expect(listed.match(/post-save command: \S*hsmonger-post-save /gu)).toHaveLength(10);
  expect(await server.privateKeys()).toBe(keysBefore);
}, 240_000);

test("the instance file names no token, and the password lies in one file, the service user's", () => {
  const text = readFileSync(instanceFile(), 'utf8');
  expect(text).not.toContain('[token]');
  expect(text.match(/^token = "internal"$/gmu)).toHaveLength(9);
  expect(text).toContain('authority = "8a2b3c4d-0001-4a4b-8c8d-1234567890ab"');
  const password = /^internal=(.*)$/mu.exec(readFileSync(passwordConf(), 'utf8'))![1]!;
  expect(readFileSync(pinFile(), 'utf8')).toBe(`${password}\n`);
  expect([statSync(pinFile()).mode & 0o777, statSync(pinFile()).uid]).toEqual([0o600, ensureServiceUser().uid]);
  expect(existsSync(path.join(server.config, `${renewAgent}.pin`))).toBe(false);
  const found = spawnSync('grep', ['-rlF', '--', password, server.state, instanceFile(), server.certmonger.requestsDirectory, '/dev/shm'], {
    encoding: 'utf8',
  });
  expect([found.status, found.stdout]).toEqual([1, '']);
});

test('a second run changes nothing, after a restart of certmonger too', async () => {
  expect(await setUp()).toMatchObject({ exitCode: 0, err: '', out: `Instance '${renewAgent}' is set up already; nothing was changed.\n` });
  expect(JSON.parse((await setUp('--json')).out)).toMatchObject({ changed: false, done: [], requests: [], later: [] });
  await server.certmonger.restart();
  await restedOn(server);
  expect(await setUp()).toMatchObject({ exitCode: 0, out: expect.stringContaining('nothing was changed') as string });
  expect(await hsmonger('track', 'plan', '--instance', renewAgent)).toMatchObject({ exitCode: 0 });
  expect(await server.privateKeys()).toBe(keysBefore);
}, 120_000);

test('status finds each of them, and nothing to say of a token', async () => {
  const { rows, troubles } = JSON.parse((await hsmonger('status', '--json', '--instance', renewAgent)).out) as {
    rows: { token: string; state: string; daysLeft: number }[];
    troubles: string[];
  };
  expect(troubles).toEqual([]);
  expect(rows.map(({ token, state }) => [token, state])).toEqual([
    ...Array.from({ length: 8 }, () => ['internal', 'MONITORING']),
    [path.join(server.root, 'var/lib/ipa/ra-agent.pem'), 'MONITORING'],
    ['internal', 'MONITORING'],
  ]);
});

test('what needs a token says that there is none', async () => {
  const said = await hsmonger('token', 'list', '--instance', renewAgent);
  expect(said.exitCode).toBe(2);
  expect(said.err).toMatch(/has no \[token\]: nothing of this instance lies on one/u);
});

test('a password changed in password.conf is a PIN file to write, and nothing else', async () => {
  execFileSync('sh', ['-c', 'echo stale > "$1"', 'sh', pinFile()]);
  const listed = await server.listing();
  const said = await setUp();
  expect(said.exitCode, said.err).toBe(0);
  expect(said.out).toMatch(/^write \S*\.nss-pin, 0600[^\n]*\n$/u);
  expect(await server.listing()).toBe(listed);
});

test('unsetup gives everything back as it was', async () => {
  const said = await hsmonger('unsetup', '--yes', '--instance', renewAgent);
  expect(said.exitCode, said.err).toBe(0);
  const comparable = (listed: string) => [...records(listed.replace(/,pin set|,pinfile='[^']*'/gu, ''))];
  const back = await restedOn(server);
  expect(comparable(back)).toEqual(comparable(before));
  expect((await server.casListing()).replace(/^\tdefault profile.*\n/gmu, '')).toBe(casBefore);
  expect(await server.privateKeys()).toBe(keysBefore);
  expect(existsSync(instanceFile())).toBe(false);
  // certmonger has forgotten the PIN it was told in clear: the file it reads instead stays.
  for (const [, file] of back.matchAll(/pinfile='([^']*)'/gu)) expect(existsSync(file!), file).toBe(true);
}, 120_000);
