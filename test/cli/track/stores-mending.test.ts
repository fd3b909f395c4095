import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { getcert } from '../../rig/certmonger.js';
import { runAs } from '../../rig/run-as.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { makeRaFiles, makeServerCert, raCert, serverCert, type RaFiles } from '../../tracking/other-stores.js';
import { trackingRig, type TrackingRig } from '../../tracking/tracking-rig.js';
import { hsmonger } from '../site.js';

const serverId = `testca.${serverCert.replaceAll(' ', '_')}`;
const server = [serverCert, 'caServerCert', 'token = "internal"'] as const;
let rig: TrackingRig;
let ra: RaFiles;

beforeAll(async () => {
  rig = await trackingRig();
  await makeServerCert(rig);
  ra = makeRaFiles(rig.directory);
}, 180_000);

afterAll(async () => {
  await rig.remove();
});

const record = async (request: string) => (await getcert(rig.bus, ['list', '-i', request])).stdout;

test('a database without a password gets no PIN file: certmonger takes a PIN that was not needed for an error', async () => {
  rig.configure([server]);
  expect(await rig.run('apply')).toMatchObject({ exitCode: 0, out: `added ${serverId}\n` });
  expect(await record(serverId)).not.toMatch(/pin/u);
  expect(await rig.run('plan')).toMatchObject({ exitCode: 0 });
}, 120_000);

test('a request that is stuck over a PIN nobody needs is mended in place, kept in clear or in a file', async () => {
  for (const [flag, pin] of [
    ['-P', 'not-needed'],
    ['-p', rig.token.pinFile],
  ] as const) {
    await getcert(rig.bus, ['stop-tracking', '-i', serverId]);
    await getcert(
      rig.bus,
      ['start-tracking', '-I', '20260101', '-d', rig.nss.database, '-n', serverCert, '-c', 'testca', '-T', 'caServerCert', flag, pin],
      [0, 1],
    );
    await expect.poll(() => record('20260101'), { timeout: 20_000 }).toMatch(/status: .*NEED_KEYINFO_READ_PIN\n\tstuck: yes/u);
    expect((await rig.run('plan')).out).toContain(
      `  ${flag === '-P' ? "PIN: 'kept in clear by certmonger'" : `PIN file: '${pin}'`} -> (none)\n`,
    );
    expect((await rig.run('apply')).out).toBe(`modified ${serverId}\n`);
    expect(await record(serverId)).toMatch(/status: MONITORING\n\tstuck: no/u);
    expect(await record(serverId)).not.toMatch(/pin/u);
  }
}, 120_000);

test('a request of our CA under another id is listed, and stopped by the nickname of its certificate', async () => {
  await getcert(rig.bus, ['stop-tracking', '-i', serverId]);
  await getcert(rig.bus, [
    'start-tracking',
    '-I',
    '20260102',
    '-d',
    rig.nss.database,
    '-n',
    serverCert,
    '-c',
    'testca',
    '-T',
    'caServerCert',
  ]);
  expect((await rig.run('list')).out).toContain("Request ID '20260102'");
  expect(await rig.stop({ nickname: serverCert })).toMatchObject({
    exitCode: 0,
    out: "Stopped tracking '20260102'; its key and certificate stay where they are.\n",
  });
  expect(await rig.start(serverCert)).toMatchObject({ exitCode: 0, out: `added ${serverId}\n` });
}, 120_000);

test('a nickname the database does not have is refused, with those it has', async () => {
  await makeServerCert(rig, { nickname: 'second', subject: 'CN=second,O=X' });
  rig.configure([server, ['misspelt', 'caServerCert', 'token = "internal"']]);
  const { out, exitCode } = await rig.run('plan');
  expect(exitCode).toBe(3);
  expect(out).toContain(
    `There is no certificate 'misspelt' in the NSS database ${rig.nss.database}, so certmonger would generate a new key.`,
  );
  expect(out).toContain("'second'");
}, 120_000);

test("files whose key is another certificate's are refused, and so are a key that is not there and an owner nobody knows", async () => {
  const other = makeRaFiles(rig.directory, 'other');
  rig.configure([server, [raCert, 'caSubsystemCert', `certificate-file = "${ra.certificate}"`, `key-file = "${other.key}"`]]);
  expect(await rig.run('apply')).toMatchObject({
    exitCode: 3,
    err: expect.stringContaining(`The key in ${other.key} is not the key of the certificate in ${ra.certificate}`) as string,
  });
  rig.configure([server, [raCert, 'caSubsystemCert', `certificate-file = "${ra.certificate}"`, `key-file = "${other.key}.gone"`]]);
  expect(await rig.run('apply')).toMatchObject({
    exitCode: 3,
    err: expect.stringContaining('certmonger would generate a key where it finds none') as string,
  });
  for (const [owner, stranger] of [
    ['nobodyknows', "user 'nobodyknows'"],
    ['root:nobodyknows', "group 'nobodyknows'"],
  ] as const) {
    rig.configure([
      server,
      [raCert, 'caSubsystemCert', `certificate-file = "${ra.certificate}"`, `key-file = "${ra.key}"`, `owner = "${owner}"`],
    ]);
    expect(await rig.run('apply')).toMatchObject({
      code: 'PREFLIGHT_FAILED',
      err: expect.stringContaining(`refused (file-owner): The files of 'ipaCert' are to belong to ${stranger}`) as string,
    });
  }
  expect((await getcert(rig.bus, ['list'])).stdout).not.toContain(raCert);
}, 120_000);

test('a password the instance file does not know of is refused without a single attempt', async () => {
  const owner = ensureServiceUser();
  const [empty, fresh] = [path.join(rig.directory, 'empty'), path.join(rig.directory, 'fresh')];
  writeFileSync(empty, '\n', { mode: 0o644 });
  writeFileSync(fresh, 'internal-secret-5\n', { mode: 0o644 });
  const keyDatabase = path.join(rig.nss.database, 'key4.db');
  copyFileSync(keyDatabase, `${rig.directory}/key4.db`);
  await runAs(owner, 'certutil', ['-W', '-d', `sql:${rig.nss.database}`, '-f', empty, '-@', fresh], {
    env: rig.token.environment,
    cwd: '/',
  });
  rig.configure([server]);
  const { out, exitCode } = await rig.run('plan');
  expect(exitCode).toBe(3);
  expect(out).toContain(`refused (internal-password): The NSS database ${rig.nss.database} has a password of its own`);
  expect(out).toContain('refused (key-proven): Whether the NSS database');
  // Looking at certificates needs no password.
  expect((await hsmonger('status', ...rig.here)).out).toContain('MONITORING');
  writeFileSync(keyDatabase, readFileSync(`${rig.directory}/key4.db`));
}, 120_000);

test.each([
  [
    'dogtag',
    ['type = "dogtag"', 'certificate = "ca"', 'url = "https://ca.example.test:8443"', 'ca-file = "/etc/ipa/ca.crt"'],
    'What https://ca.example.test:8443 would issue is its own to decide and cannot be shown before it is asked.',
  ],
  [
    'directory',
    ['type = "directory"', 'certificate = "ca"'],
    'What the renewal master publishes is taken when it is there; what it will be cannot be shown before.',
  ],
  [
    'external',
    ['type = "external"', 'certificate = "ca"'],
    "What the CA outside signs arrives with 'hsmonger ca import' and cannot be shown before.",
  ],
])(
  'a dry run with the issuer %s says what would be sent, and in one sentence what it cannot show',
  async (_type, issuer, sentence) => {
    rig.configure([server]);
    const file = path.join(rig.directory, 'config/testca.toml');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/type = "token"\ncertificate = .*/u, issuer.join('\n')));
    const said = await hsmonger('renew', '--all', '--dry-run', ...rig.here);
    expect(said).toMatchObject({
      exitCode: 0,
      out: `${serverCert}\n  send    resubmit request ${serverId} to CA testca, profile caServerCert, with its own key (RSA 3072)\n  issue   ${sentence}\n`,
    });
    const [{ issue }] = JSON.parse((await hsmonger('renew', '--all', '--dry-run', '--json', ...rig.here)).out) as [{ issue: object }];
    expect(issue).toEqual({ nickname: serverCert, ok: 'unknown', message: sentence });
  },
  120_000,
);
