import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { getcert } from '../rig/certmonger.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { runAs } from '../rig/run-as.js';
import { trackingRig, type TrackingRig } from '../tracking/tracking-rig.js';

let rig: TrackingRig;

beforeAll(async () => {
  rig = await trackingRig();
});

afterAll(async () => {
  await rig.remove();
});

const ids = ['caSigningCert', 'ocspSigningCert', 'auditSigningCert', 'subsystemCert'].map((name) => `testca.${name}_cert-pki-ca`);

async function witness(program: string, args: readonly string[]): Promise<string> {
  return (await runAs(ensureServiceUser(), program, args, { env: { ...rig.token.environment, HOME: '/nonexistent' }, cwd: '/' })).stdout;
}

async function tokenObjects(): Promise<string[]> {
  return (
    await witness('pkcs11-tool', ['--module', rig.token.module, '--token-label', rig.token.label, '--login', '--pin', rig.token.pin, '-O'])
  )
    .split('\n')
    .filter((line) => /^(Private|Certificate)| {2}(ID|subject):/u.test(line))
    .sort();
}

test('plan tells of four additions and changes nothing', async () => {
  const { exitCode, out } = await rig.run('plan');
  expect(out).toBe(
    ['caSigningCert', 'ocspSigningCert', 'auditSigningCert', 'subsystemCert']
      .map((name) => `add testca.${name}_cert-pki-ca ('${name} cert-pki-ca')\n`)
      .join(''),
  );
  expect(exitCode).toBe(3);
  expect((await getcert(rig.bus, ['list'])).stdout).toContain('being tracked: 0.');
});

test('apply hands all four to certmonger, with the token in both stores, the PIN file, and the key left alone', async () => {
  const before = await tokenObjects();
  const { exitCode, out, err } = await rig.run('apply');
  expect({ exitCode, out, err }).toEqual({ exitCode: 0, out: ids.map((id) => `added ${id}\n`).join(''), err: '' });
  for (const id of ids) {
    const { stdout } = await getcert(rig.bus, ['list', '-i', id]);
    expect(stdout).toContain('status: MONITORING');
    const nickname = id.slice('testca.'.length).replace('_', ' ');
    const where = `type=NSSDB,location='sql:${rig.nss.database}',nickname='${nickname}',token='softhsm_token'`;
    expect(stdout).toContain(`key pair storage: ${where},pinfile='${rig.token.pinFile}'\n`);
    expect(stdout).toContain(`\tcertificate: ${where}\n`);
    expect(stdout).toContain(`--instance testca --request ${id} --config-dir`);
    expect(stdout).toContain('CA: testca');
  }
  expect(await tokenObjects()).toEqual(before);
});

test('a second apply changes nothing', async () => {
  const before = (await getcert(rig.bus, ['list', '-u'])).stdout;
  const { exitCode, out } = await rig.run('apply');
  expect({ exitCode, out }).toEqual({
    exitCode: 0,
    out: "Nothing to change: certmonger's requests of instance 'testca' are as they should be.\n",
  });
  expect((await rig.run('plan')).exitCode).toBe(0);
  expect((await getcert(rig.bus, ['list', '-u'])).stdout).toBe(before);
});

test('list prints what getcert list prints, line by line, in UTC and in local time', async () => {
  const ours = await rig.run('list', { utc: true });
  const theirs = await getcert(rig.bus, ['list', '-u']);
  expect(ours.out.split('\n')).toEqual(theirs.stdout.split('\n'));
  expect(ours.out).toContain('eku: id-kp-serverAuth,id-kp-clientAuth');
  const local = await rig.run('list');
  const { stdout } = await import('../../src/platform/run.js').then(({ run }) =>
    run('getcert', ['list', '-s'], { env: { LC_ALL: 'C', TZ: 'Europe/Berlin', DBUS_SESSION_BUS_ADDRESS: rig.bus.address } }),
  );
  expect(local.out.split('\n')).toEqual(stdout.split('\n'));
  expect(local.out).toMatch(/expires: \S+ \S+ CES?T/u);
});

test('a drift made with getcert is planned field by field and repaired', async () => {
  const id = ids[1]!;
  await getcert(rig.bus, ['start-tracking', '-i', id, '-T', 'caServerCert', '-C', '/bin/true', '-R']);
  const planned = await rig.run('plan', { json: true });
  expect(planned.exitCode).toBe(3);
  expect(JSON.parse(planned.out)).toMatchObject({
    changes: [
      {
        kind: 'modify',
        id,
        differences: [
          { field: 'profile', now: 'caServerCert', wanted: 'caOCSPCert' },
          { field: 'post-save command', now: '/bin/true' },
          { field: 'auto-renew', now: 'no', wanted: 'yes' },
        ],
      },
    ],
    refusals: [],
  });
  expect((await rig.run('apply')).out).toBe(`modified ${id}\n`);
  expect((await rig.run('plan')).exitCode).toBe(0);
  expect((await getcert(rig.bus, ['list', '-i', id])).stdout).toContain('auto-renew: yes');
});

test('a PIN certmonger keeps in clear is forgotten, in place', async () => {
  const id = ids[2]!;
  await getcert(rig.bus, ['start-tracking', '-i', id, '-P', rig.token.pin]);
  const { out } = await rig.run('plan');
  expect(out).toContain("PIN: 'kept in clear by certmonger' -> (none)");
  expect(out).not.toContain(rig.token.pin);
  expect((await rig.run('apply')).out).toBe(`modified ${id}\n`);
  expect((await getcert(rig.bus, ['list', '-i', id])).stdout).not.toContain('pin set');
});

test('stop leaves key and certificate where they are, start takes the certificate up again', async () => {
  const [objects, trust] = [
    await tokenObjects(),
    await witness('certutil', ['-L', '-d', `sql:${rig.nss.database}`, '-h', 'softhsm_token', '-f', rig.nss.loginFile]),
  ];
  expect(await rig.stop({ nickname: 'subsystemCert cert-pki-ca' })).toMatchObject({
    exitCode: 0,
    out: `Stopped tracking '${ids[3]!}'; its key and certificate stay where they are.\n`,
  });
  expect((await getcert(rig.bus, ['list', '-i', ids[3]!], [1])).stdout).toContain('No request found');
  expect((await rig.stop({ nickname: 'subsystemCert cert-pki-ca' })).err).toMatch(
    /^hsmonger: \/.*testca\.toml still has 'subsystemCert cert-pki-ca', so 'hsmonger track apply' and the agent track it again; take it out of the file to end that\.\n$/u,
  );
  expect(await tokenObjects()).toEqual(objects);
  expect(await witness('certutil', ['-L', '-d', `sql:${rig.nss.database}`, '-h', 'softhsm_token', '-f', rig.nss.loginFile])).toBe(trust);
  expect(await rig.stop({ id: ids[3]! })).toMatchObject({ exitCode: 0, out: `'${ids[3]!}' is not tracked.\n` });
  expect(await rig.start('subsystemCert cert-pki-ca')).toMatchObject({ exitCode: 0, out: `added ${ids[3]!}\n` });
  expect((await rig.run('plan')).exitCode).toBe(0);
});

test('a misspelt nickname is refused, and the request it would have replaced stays', async () => {
  rig.configure([
    ['caSigningCert cert-pki-ca', 'caCACert'],
    ['ocspSigningCert cert-pki-caa', 'caOCSPCert'],
  ]);
  expect((await rig.run('apply')).code).toBe('PREFLIGHT_FAILED');
  expect((await getcert(rig.bus, ['list'])).stdout).toContain(`Request ID '${ids[1]!}'`);
  rig.configure();
  expect((await rig.run('plan')).exitCode).toBe(0);
});

test('a certificate taken out of the instance file is no longer tracked after apply', async () => {
  rig.configure([['caSigningCert cert-pki-ca', 'caCACert']]);
  expect((await rig.run('apply')).out.split('\n').sort()).toEqual(['', ...ids.slice(1).map((id) => `removed ${id}`)].sort());
  rig.configure();
  expect((await rig.run('apply')).exitCode).toBe(0);
});

test('list --all shows the requests of others too, and stop refuses them', async () => {
  await getcert(rig.bus, [
    'request',
    '-I',
    'somebody',
    '-c',
    'SelfSign',
    '-k',
    `${rig.directory}/other.key`,
    '-f',
    `${rig.directory}/other.pem`,
    '-N',
    'CN=other',
    '-D',
    'other.test',
    '-E',
    'a@other.test',
    '-A',
    '192.0.2.7',
    '-u',
    'digitalSignature',
    '-U',
    '1.3.6.1.4.1.99999.1',
    '-F',
    `${rig.directory}/roots.pem`,
    '-w',
  ]);
  await getcert(rig.bus, ['add-ca', '-c', 'unused', '-e', '/bin/false']);
  await getcert(rig.bus, [
    'request',
    '-I',
    'stuck',
    '-c',
    'unused',
    '-k',
    `${rig.directory}/stuck.key`,
    '-f',
    `${rig.directory}/stuck.pem`,
    '-p',
    `${rig.directory}/no.pin`,
    '-T',
    'profile',
    '-X',
    'issuer',
    '--ms-template-spec',
    '1.2.3.4:1:2',
    '-B',
    '/bin/true',
    '-R',
  ]);
  await expect.poll(async () => (await getcert(rig.bus, ['list', '-i', 'stuck'])).stdout, { timeout: 20_000 }).toContain('stuck: yes');
  expect((await rig.run('list', { utc: true })).out).not.toContain('somebody');
  expect((await rig.run('list', { utc: true, all: true })).out.split('\n')).toEqual(
    (await getcert(rig.bus, ['list', '-u'])).stdout.split('\n'),
  );
  expect(await rig.stop({ id: 'somebody' })).toMatchObject({ code: 'USAGE' });
  expect((await rig.run('plan')).exitCode).toBe(0);
});

test('nothing of all this left a file of another owner below the token or the NSS database', () => {
  const { name } = ensureServiceUser();
  expect(execFileSync('find', [rig.token.tokenDirectory, rig.nss.database, '!', '-user', name], { encoding: 'utf8' })).toBe('');
});
