import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { killFamily, watchFor } from '../../../rig/prey.js';
import { getcert } from '../../../rig/certmonger.js';
import { misplaced, pythonCookie, renewAgent, startIpaServer, wrongToken, type HsmServer } from '../../../rig/ipa-server.js';
import { hsmongerOn, records, restedOn } from './on-ipa-server.js';

let server: HsmServer;
let before: string;
let casBefore: string;
let keysBefore: string;

beforeAll(async () => {
  server = await startIpaServer();
  before = await rested();
  casBefore = await server.casListing();
  keysBefore = await server.privateKeys();
}, 240_000);

afterAll(async () => {
  await server.stop();
});

const hsmonger = (...argv: string[]) => hsmongerOn(server, ...argv);
const rested = () => restedOn(server);

const setupFlags = () => ['setup', '--freeipa', '--yes', '--module-env', `SOFTHSM2_CONF=${server.token.confFile}`];
const instanceFile = () => path.join(server.config, `${renewAgent}.toml`);

test('the requests are those FreeIPA makes', () => {
  expect(records(before).size).toBe(9);
  expect(before).toContain(`token='${wrongToken}',pin set`);
  expect(before.match(/pin set/gu)).toHaveLength(8);
});

test.each<[string, string, string | undefined, number, RegExp]>([
  ['no IPA server', 'etc/ipa/default.conf', undefined, 2, /There is no \S*default\.conf: this is no IPA server/u],
  [
    'no HSM, and a flag about one',
    'var/lib/ipa/sysrestore/sysrestore.state',
    '[pki_hsm]\nenabled = False\n',
    2,
    /keeps its CA's keys in its NSS database, not on an HSM .*--module-env says nothing here/u,
  ],
  [
    'another token than the directory says',
    'var/lib/ipa/sysrestore/sysrestore.state',
    '[pki_hsm]\nenabled = True\ntoken_name = other\n',
    2,
    /no line 'hardware-other='/u,
  ],
  ['no CA', 'etc/pki/pki-tomcat/ca/CS.cfg', undefined, 2, /no CA of its own/u],
  ["no PIN in Dogtag's file", 'etc/pki/pki-tomcat/password.conf', 'internal=x\n', 2, /has no line 'hardware-softhsm_token='/u],
  [
    "no database password in Dogtag's file",
    'etc/pki/pki-tomcat/password.conf',
    'hardware-softhsm_token=x\n',
    2,
    /has no line 'internal='/u,
  ],
  [
    'a directory that is away',
    'etc/ipa/default.conf',
    '[global]\nhost=a.test\nrealm=A.TEST\nbasedn=dc=a,dc=test\n',
    1,
    /slapd-A-TEST\.socket/u,
  ],
])('%s is refused in a sentence, and nothing is written', async (_what, file, content, exitCode, message) => {
  const name = path.join(server.root, file);
  const whole = readFileSync(name);
  if (content === undefined) rmSync(name);
  else writeFileSync(name, content);
  try {
    const said = await hsmonger(...setupFlags());
    expect(said.exitCode, said.err).toBe(exitCode);
    expect(said.err).toMatch(message);
    expect([readdirSync(server.config), existsSync(path.join(server.state, renewAgent))]).toEqual([[], false]);
  } finally {
    writeFileSync(name, whole);
  }
});

test.each([
  ['--token', 'other', /so --token 'other' cannot be right/u],
  ['--instance', 'mine', /the instance is 'dogtag-ipa-ca-renew-agent'/u],
])('%s %s is refused', async (flag, value, message) => {
  const said = await hsmonger(...setupFlags(), flag, value);
  expect(said.exitCode).toBe(2);
  expect(said.err).toMatch(message);
});

test("a wrong PIN in Dogtag's file costs one attempt, however often setup is run", async () => {
  const name = path.join(server.root, 'etc/pki/pki-tomcat/password.conf');
  const whole = readFileSync(name, 'utf8');
  writeFileSync(name, whole.replace(/^hardware-.*$/mu, `hardware-${server.token.label}=wrong`));
  const first = await hsmonger(...setupFlags());
  const second = await hsmonger(...setupFlags());
  writeFileSync(name, whole);
  expect(first.err).toMatch(/not accept|incorrect|wrong/iu);
  expect(second.err).toMatch(/not tried again|failed before|until/iu);
  expect([first.exitCode, second.exitCode]).not.toContain(0);
  expect(second.err).not.toBe(first.err);
  expect(readdirSync(server.config)).toEqual([]);
  rmSync(path.join(server.state, renewAgent), { recursive: true, force: true });
});

test('a dry run tells all of it and does none of it', async () => {
  const said = await hsmonger(...setupFlags(), '--dry-run');
  expect(said.exitCode, said.err).toBe(3);
  expect(said.out.match(/^would modify the request of /gmu)).toHaveLength(8);
  expect(said.out).toMatch(/^would replace the request of 'auditSigningCert cert-pki-kra'/mu);
  expect(said.out).toMatch(/^would track 'caSigningCert cert-pki-ca 8a2b3c4d-/mu);
  expect(said.out.match(/^would set the helper of certmonger's CA /gmu)).toHaveLength(3);
  expect(said.out.match(/^would write /gmu)).toHaveLength(3);
  expect([
    readdirSync(server.config),
    existsSync(path.join(server.state, renewAgent)),
    await server.listing(),
    await server.casListing(),
  ]).toEqual([[], false, before, casBefore]);
  expect(readdirSync('/dev/shm').filter((entry) => entry.startsWith('hsmonger-setup.'))).toEqual([]);
});

test('setup --freeipa takes them over with their keys, and says before what it does', async () => {
  const said = await hsmonger(...setupFlags());
  expect(said.exitCode, said.err + said.out).toBe(0);
  expect(said.err).toContain(`write ${server.config}/${renewAgent}.pin, 0600`);
  const listed = await rested();
  const now = records(listed);
  expect(
    [...now.keys()].every((id) => id.startsWith(`${renewAgent}.`)),
    listed,
  ).toBe(true);
  expect(now.size).toBe(10);
  expect(listed.match(new RegExp(`token='${server.token.label}'`, 'gu'))).toHaveLength(16);
  expect(listed).not.toContain('pin set');
  // FreeIPA's tools look a request up by the database's very spelling.
  expect(listed.match(new RegExp(`type=NSSDB,location='${server.nss.database}'`, 'gu'))).toHaveLength(18);
  expect(listed).not.toContain(wrongToken);
  expect(listed.match(/post-save command: \S*hsmonger-post-save /gu)).toHaveLength(10);
  expect(now.get(`${renewAgent}.Server-Cert_cert-pki-ca`)).toContain(`pinfile='${server.config}/${renewAgent}.nss-pin'`);
  expect(now.get(`${renewAgent}.ipaCert`)).toContain('type=FILE');
  expect(await server.privateKeys()).toBe(keysBefore);
  const cas = await server.casListing();
  expect(cas.match(/helper-location: \S*\/hsmonger-submit --instance dogtag-ipa-ca-renew-agent /gu)).toHaveLength(3);
  expect(cas).toMatch(/ --reuse-existing\n/u);
  expect(cas).toMatch(/ --force-self-signed\n/u);
}, 240_000);

test('the instance file says what was found, and no PIN', () => {
  const text = readFileSync(instanceFile(), 'utf8');
  for (const line of [
    'subject-base = "O=EXAMPLE.TEST"',
    'url = "https://ca1.example.test:8443"',
    'bind = "external"',
    'host = "ca1.example.test"',
    'unit = "pki-tomcatd@pki-tomcat.service"',
    'certificates-in-config = false',
    'token = "internal"',
    'authority = "8a2b3c4d-0001-4a4b-8c8d-1234567890ab"',
  ])
    expect(text).toContain(line);
  expect(text.match(/\[\[certificate\]\]/gu)).toHaveLength(10);
  const pin = path.join(server.config, `${renewAgent}.pin`);
  expect(readFileSync(pin, 'utf8')).toBe(`${server.token.pin}\n`);
  expect([statSync(pin).mode & 0o777, statSync(pin).uid]).toEqual([0o600, server.token.owner!.uid]);
  // grep exits 1 where it finds nothing.
  const found = spawnSync(
    'grep',
    ['-rlF', '--', server.token.pin, server.state, instanceFile(), memory(), server.certmonger.requestsDirectory, '/dev/shm'],
    { encoding: 'utf8' },
  );
  expect([found.status, found.stdout]).toEqual([1, '']);
});

test('a second run changes nothing and exits 0', async () => {
  const listed = await server.listing();
  const said = await hsmonger(...setupFlags());
  expect(said).toMatchObject({ exitCode: 0, err: '', out: `Instance '${renewAgent}' is set up already; nothing was changed.\n` });
  expect(await server.listing()).toBe(listed);
});

test('the doctor finds nothing wrong but what this make-believe server lacks', async () => {
  // No trust flags, no CA that answers, no entries of Dogtag's, one certificate for two purposes, and all of them made within two seconds.
  const lacking = new Set(['NssTrust', 'NssTokenTrust', 'AuthorityReachable', 'PkiEntries', 'AuthorityIsCa', 'AuthorityOutlives']);
  await rested();
  const { out, err } = await hsmonger('--instance', renewAgent, 'doctor', '--login', '--failures-only', '--output', 'json');
  const told = JSON.parse(out) as { readonly check: string; readonly kw: { readonly finding: string } }[];
  expect(
    told.filter(({ check }) => !lacking.has(check)).map(({ check, kw }) => `${check}: ${kw.finding}`),
    err,
  ).toEqual([]);
  expect(told.map(({ check }) => check)).toContain('AuthorityReachable');
}, 120_000);

test('a PIN changed in password.conf is a PIN file to write, and nothing else', async () => {
  const pin = path.join(server.config, `${renewAgent}.pin`);
  execFileSync('sh', ['-c', 'echo stale > "$1"', 'sh', pin]);
  const listed = await server.listing();
  const said = await hsmonger(...setupFlags());
  expect(said.exitCode, said.err).toBe(0);
  expect(said.out).toMatch(/^write \S*\.pin, 0600[^\n]*\n$/u);
  expect(readFileSync(pin, 'utf8')).toBe(`${server.token.pin}\n`);
  expect(await server.listing()).toBe(listed);
});

test('a memory that others could have written is refused: its command lines would run as root', async () => {
  chmodSync(memory(), 0o666);
  const said = await hsmonger('unsetup', '--yes', '--instance', renewAgent);
  chmodSync(memory(), 0o644);
  expect(said.exitCode).toBe(2);
  expect(said.err).toContain('can be written by others');
});

test('unsetup gives everything back as it was, and names what cannot be', async () => {
  const said = await hsmonger('unsetup', '--yes', '--instance', renewAgent);
  expect(said.exitCode, said.err).toBe(0);
  await assertGivenBack();
  expect(said.out).toContain(`looked for its key on token '${wrongToken}'`);
  expect(said.out.match(/keeps the PIN file/gu)).toHaveLength(8);
  expect([existsSync(instanceFile()), existsSync(memory())]).toEqual([false, false]);
}, 120_000);

/** The command in a process of its own, killed with all it started as soon as `reached`. */
async function killedOnce(what: string, reached: () => boolean, ...argv: string[]): Promise<void> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', path.join(import.meta.dirname, 'take-over-worker.ts'), server.root, ...argv, ...server.here],
    { cwd: path.resolve(import.meta.dirname, '../../../..'), stdio: 'ignore' },
  );
  watchFor(what, () => (reached() ? true : undefined), 120_000);
  expect(killFamily(child.pid!), what).toBe(true);
  await new Promise((resolve) => {
    child.once('exit', resolve);
  });
}

/** certmonger's own files are the witness: how many requests have ids of ours, how many CAs a helper of ours. */
const holding = (directory: string, text: string) =>
  readdirSync(directory).filter((name) => {
    try {
      return readFileSync(path.join(directory, name), 'utf8').includes(text);
    } catch {
      return false;
    }
  }).length;
const ours = () => holding(server.certmonger.requestsDirectory, `id=${renewAgent}.`);
const helpers = () => holding(server.certmonger.casDirectory, 'hsmonger-submit');
const memory = () => path.join(server.config, `${renewAgent}.taken-over.json`);

test('killed at each step, the take-over is finished by a second run', async () => {
  const stages: [string, () => boolean][] = [
    ['the memory', () => existsSync(memory())],
    ['the PIN file', () => existsSync(path.join(server.config, `${renewAgent}.nss-pin`))],
    ['the instance file', () => existsSync(instanceFile())],
    ['the second CA', () => helpers() >= 2],
    ['the first request', () => ours() >= 1],
    ['the sixth request', () => ours() >= 6],
  ];
  for (const [what, reached] of stages) await killedOnce(what, reached, ...setupFlags());
  const said = await hsmonger(...setupFlags());
  expect(said.exitCode, said.err).toBe(0);
  expect([...records(await rested()).keys()].filter((id) => id.startsWith(`${renewAgent}.`))).toHaveLength(10);
  expect((await hsmonger(...setupFlags())).out).toContain('nothing was changed');
  expect(readdirSync('/dev/shm').filter((name) => name.startsWith('hsmonger-setup.'))).toEqual([]);
  expect(await server.privateKeys()).toBe(keysBefore);
}, 300_000);

test('killed at each step, the give-back is finished by a second run', async () => {
  const unsetup = ['unsetup', '--yes', '--instance', renewAgent];
  await killedOnce('the third request given back', () => ours() <= 7, ...unsetup);
  await killedOnce('the first CA given back', () => helpers() <= 2, ...unsetup);
  const said = await hsmonger(...unsetup);
  expect(said.exitCode, said.err).toBe(0);
  await assertGivenBack();
}, 120_000);

test('a request in the middle of a renewal is taken over with the cookie it has, and our helper is asked next', async () => {
  const [id] = [...records(before)].find(([, text]) => text.includes("nickname='subsystemCert cert-pki-ca'"))!;
  await getcert(server.bus, ['resubmit', '-i', id]);
  await expect.poll(async () => records(await server.listing()).get(id), { timeout: 30_000 }).toContain('status: CA_WORKING');
  const logged = server.certmonger.log().length;
  expect((await hsmonger(...setupFlags())).exitCode).toBe(0);
  const now = records(await server.listing()).get(`${renewAgent}.subsystemCert_cert-pki-ca`);
  expect(now).toMatch(/post-save command: \S*hsmonger-post-save /u);
  const log = server.certmonger.log().slice(logged);
  expect(log).toContain('"CERTMONGER_OPERATION" to "POLL"');
  expect(log).toContain(`"CERTMONGER_CA_COOKIE" to "${pythonCookie}"`);
  expect(await server.privateKeys()).toBe(keysBefore);
}, 120_000);

/** Byte for byte, but for the PIN certmonger has forgotten and the token it could not have used. */
async function assertGivenBack(): Promise<void> {
  const back = await rested();
  const comparable = (listed: string) =>
    [...records(listed.replace(/,pin set|,pinfile='[^']*'/gu, ''))].filter(([, text]) => !text.includes(misplaced));
  expect(comparable(back)).toEqual(comparable(before));
  const moved = (listed: string) =>
    [...records(listed)]
      .filter(([, text]) => text.includes(misplaced))
      .map(([id, text]) => [id, /post-save command: .*/u.exec(text)?.[0], /profile: .*/u.exec(text)?.[0], /CA: .*/u.exec(text)?.[0]]);
  expect(moved(back)).toEqual(moved(before));
  // What a helper once said of the CA's default profile certmonger keeps until another says something; FreeIPA's says nothing.
  expect((await server.casListing()).replace(/^\tdefault profile.*\n/gmu, '')).toBe(casBefore);
  expect(await server.privateKeys()).toBe(keysBefore);
  for (const [, file] of back.matchAll(/pinfile='([^']*)'/gu)) expect(existsSync(file!), file).toBe(true);
}
