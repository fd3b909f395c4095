import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dogtagCertificates } from '../../rig/authority.js';
import { getcert } from '../../rig/certmonger.js';
import { runAs } from '../../rig/run-as.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { makeRaFiles, makeServerCert, raCert, serverCert, type RaFiles } from '../../tracking/other-stores.js';
import { trackingRig, type TrackingRig } from '../../tracking/tracking-rig.js';
import { hsmonger } from '../site.js';

const [caCert, ocspCert] = ['caSigningCert cert-pki-ca', 'ocspSigningCert cert-pki-ca'];
const authority = '0fc2d5ab-2b6e-4c0b-9d3c-0c4d6b0d7d11';
const subCa = `${caCert} ${authority}`;
const id = (nickname: string) => `testca.${nickname.replaceAll(' ', '_')}`;
let rig: TrackingRig;
let ra: RaFiles;

beforeAll(async () => {
  // A password of its own, another one than the token's PIN: what a Dogtag server has.
  rig = await trackingRig({
    nssPassword: 'internal-secret-77',
    authority: {
      certificates: [...dogtagCertificates, { nickname: subCa, profile: 'caCACert', subject: [{ O: ['HSMONGER.TEST'] }, { CN: ['VPN'] }] }],
      each: { daysLeft: 300 },
      only: { [caCert]: { daysLeft: 3000 } },
    },
  });
  await makeServerCert(rig);
  ra = makeRaFiles(rig.directory);
  rig.configure([
    [caCert, 'caCACert'],
    [ocspCert, 'caOCSPCert'],
    [subCa, 'caCACert', `authority = "${authority}"`],
    [serverCert, 'caServerCert', 'token = "internal"'],
    [raCert, 'caSubsystemCert', ...ra.lines],
  ]);
}, 180_000);

afterAll(async () => {
  await rig.remove();
});

/** Every private key there is, wherever: what must never change. */
async function keys(): Promise<string[]> {
  const owner = ensureServiceUser();
  const as = { env: { ...rig.token.environment }, cwd: '/' };
  const list = async (...where: string[]) =>
    (await runAs(owner, 'certutil', ['-K', '-d', `sql:${rig.nss.database}`, '-f', rig.nss.loginFile, ...where], as)).stdout.match(
      /\b[0-9a-f]{40}\b/gu,
    ) ?? [];
  return [
    ...(await list()),
    ...(await list('-h', rig.token.label)),
    createHash('sha256').update(readFileSync(ra.key)).digest('hex'),
  ].sort();
}

const record = async (request: string) => (await getcert(rig.bus, ['list', '-i', request])).stdout;

/** certmonger's file of each request, by request id. */
function requestFiles(): Map<string, { readonly name: string; readonly text: string }> {
  const { requestsDirectory } = rig.certmonger;
  return new Map(
    readdirSync(requestsDirectory).map((name) => {
      const text = readFileSync(path.join(requestsDirectory, name), 'utf8');
      return [/^id=(.*)$/mu.exec(text)?.[1] ?? '', { name, text }];
    }),
  );
}

test('what lies on the token, in the internal database and in files is handed to certmonger, each with what its store wants', async () => {
  const before = await keys();
  const { out, exitCode } = await rig.run('apply');
  expect(out).toBe([caCert, ocspCert, subCa, serverCert, raCert].map((nickname) => `added ${id(nickname)}\n`).join(''));
  expect(exitCode).toBe(0);
  const database = `type=NSSDB,location='sql:${rig.nss.database}'`;
  for (const onToken of [ocspCert, subCa]) {
    expect(await record(id(onToken))).toContain(
      `key pair storage: ${database},nickname='${onToken}',token='${rig.token.label}',pinfile='${rig.token.pinFile}'\n`,
    );
    expect(requestFiles().get(id(onToken))!.text).toContain('nss_user=pkiuser\n');
  }
  // The name of the internal database is certmonger's own finding.
  expect(await record(id(serverCert))).toContain(
    `key pair storage: ${database},nickname='${serverCert}',token='NSS Certificate DB',pinfile='${rig.nss.passwordFile!}'\n`,
  );
  expect(await record(id(raCert))).toContain(
    `key pair storage: type=FILE,location='${ra.key}'\n\tcertificate: type=FILE,location='${ra.certificate}'\n`,
  );
  const file = requestFiles().get(id(raCert))!.text;
  for (const line of ['cert_owner=root:pkiuser', 'cert_perms=440', 'key_owner=root:pkiuser', 'key_perms=440', 'key_gen_size=3072'])
    expect(file.split('\n')).toContain(line);
  expect(file).not.toContain('nss_user');
  expect(requestFiles().get(id(serverCert))!.text).toContain('key_gen_size=3072\n');
  expect(await keys()).toEqual(before);
}, 120_000);

test('a second plan finds nothing to change, after a restart of certmonger too', async () => {
  expect(await rig.run('plan')).toMatchObject({ exitCode: 0 });
  await rig.certmonger.restart();
  expect(await rig.run('plan')).toMatchObject({ exitCode: 0 });
}, 120_000);

test('status tells where each lies, and how long it lives there', async () => {
  const { out } = await hsmonger('status', '--json', ...rig.here);
  const { rows, troubles } = JSON.parse(out) as {
    rows: { nickname: string; token: string; state: string; daysLeft: number }[];
    troubles: string[];
  };
  expect(troubles).toEqual([]);
  expect(rows.map(({ nickname, token, state }) => [nickname, token, state])).toEqual([
    [caCert, rig.token.label, 'MONITORING'],
    [ocspCert, rig.token.label, 'MONITORING'],
    [subCa, rig.token.label, 'MONITORING'],
    [serverCert, 'internal', 'MONITORING'],
    [raCert, ra.certificate, 'MONITORING'],
  ]);
  expect(rows[4]?.daysLeft).toBe(59);
});

test('a dry run shows what the internal certificate and the one in files would become', async () => {
  const said = await hsmonger('renew', serverCert, raCert, '--dry-run', ...rig.here);
  expect(said.exitCode, said.out + said.err).toBe(0);
  expect(said.out).toContain('issue   subject CN=server.hsmonger.test,O=HSMONGER.TEST');
  expect(said.out).toContain('issue   subject CN=IPA RA,O=HSMONGER.TEST');
  expect(said.out).toContain('RSA 3072');
});

test('they are renewed with their own keys by the CA on the token, the sub-CA too, and files keep owner and mode', async () => {
  const before = await keys();
  const said = await hsmonger('renew', subCa, serverCert, raCert, '--wait', '120', ...rig.here);
  expect(said.exitCode, said.out + said.err).toBe(0);
  expect(said.out.match(/, same key/gu)).toHaveLength(3);
  expect(await keys()).toEqual(before);
  const root = path.join(rig.directory, 'root.pem');
  writeFileSync(root, rig.authority.certificate(caCert).pem);
  const server = execFileSync('certutil', ['-L', '-d', `sql:${rig.nss.database}`, '-n', serverCert, '-a'], { encoding: 'utf8' });
  for (const input of [server, readFileSync(ra.certificate)])
    expect(execFileSync('openssl', ['verify', '-CAfile', root], { input, encoding: 'utf8' })).toBe('stdin: OK\n');
  const { gid } = ensureServiceUser();
  expect([statSync(ra.certificate), statSync(ra.key)].map(({ uid, gid: group, mode }) => [uid, group, mode & 0o777])).toEqual([
    [0, gid, 0o440],
    [0, gid, 0o440],
  ]);
  expect(execFileSync('find', [rig.token.tokenDirectory, rig.nss.database, '!', '-user', 'pkiuser'], { encoding: 'utf8' })).toBe('');
}, 240_000);

test('requests as FreeIPA leaves them are renamed and mended in place: no sql:, a PIN in clear, another profile, no user', async () => {
  const before = await keys();
  const ids = [id(ocspCert), id(serverCert)] as const;
  for (const old of ids) await getcert(rig.bus, ['stop-tracking', '-i', old]);
  const place = ['-d', rig.nss.database, '-c', 'testca', '-B', '/bin/true', '-C', '/bin/true'];
  await getcert(rig.bus, [
    'start-tracking',
    '-I',
    '20260101000001',
    '-n',
    ocspCert,
    '-t',
    rig.token.label,
    '-P',
    rig.token.pin,
    '-T',
    'caServerCert',
    ...place,
  ]);
  await getcert(rig.bus, ['start-tracking', '-I', '20260101000002', '-n', serverCert, '-P', 'internal-secret-77', ...place]);
  const others = requestFiles();
  const planned = await rig.run('plan', { json: true });
  expect(JSON.parse(planned.out)).toMatchObject({
    refusals: [],
    changes: [
      {
        kind: 'modify',
        id: ids[0],
        differences: [
          { field: 'request id', now: '20260101000001' },
          { field: 'PIN' },
          { field: 'PIN file' },
          { field: 'nss-user' },
          { field: 'profile', now: 'caServerCert' },
          { field: 'pre-save command' },
          { field: 'post-save command' },
        ],
      },
      {
        kind: 'modify',
        id: ids[1],
        differences: [
          { field: 'request id', now: '20260101000002' },
          { field: 'PIN' },
          { field: 'PIN file' },
          { field: 'nss-user' },
          { field: 'profile' },
          { field: 'pre-save command' },
          { field: 'post-save command' },
        ],
      },
    ],
  });
  expect((await rig.run('apply')).out).toBe(`modified ${ids[0]}\nmodified ${ids[1]}\n`);
  const files = requestFiles();
  // The same two requests still: certmonger's own files of them have kept their names.
  expect(files.get(ids[0])!.name).toBe(others.get('20260101000001')!.name);
  expect(files.get(ids[1])!.name).toBe(others.get('20260101000002')!.name);
  for (const mended of ids) {
    expect(files.get(mended)!.text).not.toMatch(/^key_pin=/mu);
    expect(files.get(mended)!.text).toContain(`key_storage_location=${rig.nss.database}\n`);
  }
  expect(files.get(ids[1])!.text).toContain('key_gen_size=3072\n');
  expect((await rig.run('plan')).exitCode).toBe(0);
  for (const untouched of [id(caCert), id(raCert)]) expect(files.get(untouched)).toEqual(others.get(untouched));
  expect(await keys()).toEqual(before);
}, 180_000);

test('a request with a wrong token is replaced, and the others are not touched', async () => {
  const before = await keys();
  await getcert(rig.bus, ['stop-tracking', '-i', id(ocspCert)]);
  await getcert(
    rig.bus,
    [
      'start-tracking',
      '-I',
      '20260101000003',
      '-d',
      rig.nss.database,
      '-n',
      ocspCert,
      '-t',
      'elsewhere',
      '-p',
      rig.token.pinFile,
      '-c',
      'IPA',
      '-T',
      'caOCSPCert',
    ],
    [0, 1],
  );
  // Of another CA it is not ours to change; of ours it is.
  expect((await rig.run('plan')).out).toContain('refused (foreign-requests)');
  await getcert(rig.bus, ['start-tracking', '-i', '20260101000003', '-c', 'testca'], [0, 1]);
  const others = requestFiles();
  const planned = await rig.run('plan');
  expect(planned.out).toContain(`replace ${id(ocspCert)}`);
  expect(planned.out).toContain(`key token: 'elsewhere' -> '${rig.token.label}'`);
  expect((await rig.run('apply')).out).toBe(`replaced ${id(ocspCert)}\n`);
  expect((await rig.run('plan')).exitCode).toBe(0);
  const files = requestFiles();
  expect(files.has('20260101000003')).toBe(false);
  for (const untouched of [caCert, subCa, serverCert, raCert]) expect(files.get(id(untouched))).toEqual(others.get(id(untouched)));
  expect(await keys()).toEqual(before);
}, 180_000);

test("a sub-CA's request without token and user, as FreeIPA makes it, is replaced by one that finds its key", async () => {
  const before = await keys();
  await getcert(rig.bus, ['stop-tracking', '-i', id(subCa)]);
  await getcert(
    rig.bus,
    [
      'start-tracking',
      '-I',
      '20260101000004',
      '-d',
      rig.nss.database,
      '-n',
      subCa,
      '-p',
      rig.nss.passwordFile!,
      '-c',
      'testca',
      '-T',
      'caCACert',
    ],
    [0, 1],
  );
  // certmonger is content with the copy of the certificate in the NSS database, and never finds the key.
  await expect
    .poll(() => record('20260101000004'), { timeout: 30_000 })
    .toMatch(/status: MONITORING\n.*\n\tkey pair storage: (?!.*token=)/u);
  const planned = await rig.run('plan');
  expect(planned.out).toContain(
    `replace ${id(subCa)} ('${subCa}')\n  key token: (none) -> '${rig.token.label}'\n  certificate token: 'NSS Certificate DB' -> '${rig.token.label}'\n`,
  );
  expect(planned.out).toContain("  nss-user: (none) -> 'pkiuser'\n");
  expect((await rig.start(subCa)).out).toBe(`replaced ${id(subCa)}\n`);
  expect(await record(id(subCa))).toMatch(new RegExp(`key pair storage: .*token='${rig.token.label}'`, 'u'));
  expect((await rig.run('plan')).exitCode).toBe(0);
  expect(await keys()).toEqual(before);
}, 180_000);
