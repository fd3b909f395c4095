import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { instanceOf } from '../../../src/cli/global-options.js';
import { installation } from '../../../src/platform/installation.js';
import { askService } from '../../../src/service/ask.js';
import { certificateFromPem, certificatesFromPem, csrToPem } from '../../../src/x509/pem.js';
import { makeRequests } from '../../x509/many-requests.js';
import { createAuthority, dogtagCertificates } from '../../rig/authority.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { runAs } from '../../rig/run-as.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../../rig/soft-token.js';
import { certificateText, verdict } from '../../x509/openssl.js';
import { hsmonger } from '../site.js';

const caName = 'caSigningCert cert-pki-ca';
let directory: PrivateDirectory;
let token: SoftToken;
let root: Uint8Array;
let flags: string[];
const at = (...names: string[]) => path.join(directory.path, ...names);

beforeAll(async () => {
  directory = privateDirectory();
  const owner = ensureServiceUser();
  token = await createSoftToken({ directory: directory.path, owner });
  root = (await createAuthority(token, { certificates: dogtagCertificates.slice(0, 1), each: { daysLeft: 3000 } })).certificate(caName).der;
  mkdirSync(at('etc'));
  writeFileSync(
    at('etc', 'ca.toml'),
    `[token]\nlabel = "${token.label}"\nmodule = "${token.module}"\npin-file = "${token.pinFile}"\nenvironment = { SOFTHSM2_CONF = "${token.confFile}" }\n[nss]\ndatabase = "/nowhere"\n[issuer]\ntype = "token"\ncertificate = "${caName}"\n[ca]\ncrl-urls = ["http://pki.test/ca.crl"]\n`,
  );
  mkdirSync(at('csrs'));
  mkdirSync(at('certs'));
  for (const name of ['a', 'b', 'c']) request(`csrs/${name}.csr`, `/CN=${name}.example.test`);
  writeFileSync(at('csrs', 'd.csr'), 'no request\n');
  flags = ['--instance', 'ca', '--config-dir', at('etc'), '--state-dir', at('state')];
});
afterAll(() => {
  directory.remove();
});

function request(file: string, subject: string, ...more: readonly string[]): void {
  execFileSync(
    'openssl',
    [
      'req',
      '-new',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      at(`${path.basename(file)}.key`),
      '-subj',
      subject,
      '-out',
      at(file),
      ...more,
    ],
    { stdio: 'pipe' },
  );
}

const listObjects = async () =>
  (
    await runAs(token.owner, 'pkcs11-tool', ['--module', token.module, '--token-label', token.label, '--login', '--pin', token.pin, '-O'], {
      env: { ...token.environment },
    })
  ).stdout;

const read = (file: string) => certificateFromPem(readFileSync(file, 'latin1'));

test('one request: a dry run first, then the certificate, then the same one again, and never over another file', async () => {
  request('www.csr', '/CN=www.example.test');
  const order = ['ca', 'issue', '--in', at('www.csr'), '--san', 'dns:www.example.test', '--san', 'ip:192.0.2.7', '--days', '375', ...flags];
  const preview = await hsmonger(...order, '--dry-run');
  expect(preview.exitCode, preview.err).toBe(0);
  expect(preview.out).toMatch(
    /: CN=www.example.test \(dns:www.example.test, ip:192.0.2.7\), profile caServerCert, \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d\n$/u,
  );

  const said = await hsmonger(...order, '--out', at('www.crt'), '--chain');
  expect(said.exitCode, said.err).toBe(0);
  expect(said.out).toMatch(/www\.crt: CN=www\.example\.test, serial [0-9a-f]{32}, expires \d{4}-\d\d-\d\d\n$/u);
  const certificate = read(at('www.crt'));
  expect(certificateText(certificate)).toMatch(/DNS:www.example.test, IP Address:192.0.2.7\n/u);
  expect(verdict(certificate, [], [root], undefined, '-purpose', 'sslserver')).toMatch(/: OK$/mu);

  const again = await hsmonger(...order);
  expect(again.exitCode).toBe(0);
  expect(again.out).toBe(readFileSync(at('www.crt'), 'latin1'));
  expect(again.err).toMatch(/\(issued before\)\n$/u);

  // As kill -9 leaves it; above the kernel's greatest process number, so that nobody has it.
  writeFileSync(at('.www.crt.4194305.new'), '-----BEGIN');
  expect(await hsmonger(...order, '--out', at('www.crt'))).toMatchObject({ exitCode: 0 });

  writeFileSync(at('other.crt'), 'mine');
  const refused = await hsmonger(...order, '--out', at('other.crt'));
  expect(refused.exitCode).toBe(1);
  expect(refused.err).toContain('is there already and was left as it is');
  expect(readFileSync(at('other.crt'), 'latin1')).toBe('mine');
  expect(readdirSync(directory.path).filter((name) => name.endsWith('.new'))).toEqual([]);
});

test('--eku: extended key usages in place of the profile’s, another order for each; what a request asks for in vain is told', async () => {
  const usages = (file: string) => /Extended Key Usage: ?(critical)?\n *(.*)\n/u.exec(certificateText(read(at(file))))?.slice(1);
  for (const name of ['eku', 'eku2'])
    request(`${name}.csr`, `/CN=${name}.example.test`, '-addext', 'extendedKeyUsage=serverAuth,clientAuth,codeSigning');
  const order = ['ca', 'issue', '--in', at('eku.csr'), ...flags];
  const plain = await hsmonger(...order, '--out', at('eku-plain.crt'));
  const sentence =
    /^hsmonger: \S*eku\.csr asks for extended key usages the profile does not give \(clientAuth, codeSigning\); --eku says which are given\.\n/u;
  expect(plain).toMatchObject({ exitCode: 0, err: expect.stringMatching(sentence) as string });
  expect((await hsmonger(...order, '--dry-run')).err).toMatch(sentence);
  expect(usages('eku-plain.crt')).toEqual([undefined, 'TLS Web Server Authentication']);

  const both = await hsmonger(...order, '--eku', 'serverAuth,clientAuth', '--eku', '1.3.6.1.5.2.3.5', '--out', at('eku.crt'));
  expect(both).toMatchObject({ exitCode: 0, err: '' });
  expect(usages('eku.crt')).toEqual([undefined, 'TLS Web Server Authentication, TLS Web Client Authentication, Signing KDC Response']);
  for (const purpose of ['sslserver', 'sslclient'])
    expect(verdict(read(at('eku.crt')), [], [root], undefined, '-purpose', purpose)).toMatch(/: OK$/mu);
  expect(verdict(read(at('eku-plain.crt')), [], [root], undefined, '-purpose', 'sslclient')).toMatch(/unsuitable certificate purpose/u);
  const again = await hsmonger(...order, '--eku', 'serverAuth,clientAuth,1.3.6.1.5.2.3.5');
  expect(again.out).toBe(readFileSync(at('eku.crt'), 'latin1'));

  const stamp = ['--profile', 'client', '--eku', 'timeStamping', '--out', at('stamp.crt')];
  expect(await hsmonger(...order, ...stamp)).toMatchObject({ exitCode: 0, err: '' });
  expect(usages('stamp.crt')).toEqual(['critical', 'Time Stamping']);
  expect(verdict(read(at('stamp.crt')), [], [root], undefined, '-purpose', 'timestampsign')).toMatch(/: OK$/mu);
  expect(await hsmonger(...order, '--profile', 'client', '--eku', 'codeSigning', '--out', at('code.crt'))).toMatchObject({ exitCode: 0 });
  expect(usages('code.crt')).toEqual([undefined, 'Code Signing']);

  mkdirSync(at('eku'));
  for (const name of ['eku', 'eku2']) cpSync(at(`${name}.csr`), at('eku', `${name}.csr`));
  const many = await hsmonger('ca', 'issue', '--in-dir', at('eku'), '--out-dir', at('eku'), ...flags);
  expect(many).toMatchObject({ exitCode: 0, err: expect.stringMatching(/^hsmonger: eku\.csr and 1 more ask for [^\n]*\n$/u) as string });
});

test('a dry run tells what would be handed out again from what would be signed anew', async () => {
  request('twice.csr', '/CN=twice.example.test');
  const order = ['ca', 'issue', '--profile', 'client', '--in', at('twice.csr'), ...flags];
  const before = async () => (JSON.parse((await hsmonger(...order, '--dry-run', '--json')).out) as { before: boolean }[])[0]?.before;
  expect(await before()).toBe(false);
  expect((await hsmonger(...order, '--out', at('twice.crt'))).exitCode).toBe(0);
  expect(await before()).toBe(true);
  expect((await hsmonger('ca', 'revoke', at('twice.crt'), '--reason', 'superseded', ...flags)).exitCode).toBe(0);
  expect(await before()).toBe(false);
  expect((await hsmonger(...order)).err).not.toContain('issued before');
});

test('a place that cannot be written into is found before anything is signed for it', async () => {
  request('late.csr', '/CN=late.example.test');
  mkdirSync(at('late'));
  for (const where of [
    ['--in', at('late.csr'), '--out', at('nowhere', 'late.crt')],
    ['--in', at('late.csr'), '--out', at('www.csr', 'late.crt')],
    ['--in-dir', at('csrs'), '--out-dir', at('nowhere')],
  ]) {
    expect(await hsmonger('ca', 'issue', ...where, ...flags)).toMatchObject({
      exitCode: 2,
      err: expect.stringMatching(/Certificates cannot be written into .*; nothing was issued\.\n$/u) as string,
    });
  }
  const said = await hsmonger('ca', 'issue', '--in', at('late.csr'), '--out', at('late', 'late.crt'), ...flags);
  expect(said.out).not.toContain('issued before');
  expect(said.exitCode, said.err).toBe(0);
});

test('a directory of requests: those that are right get theirs, the others are told, and a second run changes nothing', async () => {
  const order = ['ca', 'issue', '--profile', 'client', '--in-dir', at('csrs'), '--out-dir', at('certs'), ...flags];
  const said = await hsmonger(...order);
  expect(said.exitCode).toBe(1);
  expect(said.err).toMatch(/^d\.csr: .*must hold exactly one PEM certificate request, but there is none\.\n$/u);
  expect(said.out).toMatch(/3 of 4 certificates issued\.\n$/u);
  const files = readdirSync(at('certs')).sort();
  expect(files).toEqual(['a.crt', 'b.crt', 'c.crt']);
  const before = files.map((name) => readFileSync(at('certs', name), 'latin1'));
  for (const pem of before) expect(verdict(certificateFromPem(pem), [], [root], undefined, '-purpose', 'sslclient')).toMatch(/: OK$/mu);
  const second = await hsmonger(...order, '--json');
  expect(
    (JSON.parse(second.out) as { name: string; before?: boolean; problem?: { code: string } }[]).map(({ name, before: had, problem }) => [
      name,
      had,
      problem?.code,
    ]),
  ).toEqual([
    ['d.csr', undefined, 'CSR_INVALID'],
    ['a.csr', true, undefined],
    ['b.csr', true, undefined],
    ['c.csr', true, undefined],
  ]);
  expect(files.map((name) => readFileSync(at('certs', name), 'latin1'))).toEqual(before);
});

test('a fresh key on the token: the certificate lies beside it, and the same order again changes nothing', async () => {
  const order = [
    'ca',
    'issue',
    '--profile',
    'ocsp',
    '--nickname',
    'ocsp',
    '--key-type',
    'P-256',
    '--subject',
    '/O=Example/CN=OCSP responder',
    ...flags,
  ];
  const said = await hsmonger(...order, '--out', at('ocsp.crt'), '--chain');
  expect(said.exitCode, said.err).toBe(0);
  expect(said.out).toMatch(
    /^ocsp: CN=OCSP responder,O=Example, serial [0-9a-f]{32}, expires [-0-9]+; key made, certificate stored on the token\n$/u,
  );
  const [certificate] = certificatesFromPem(readFileSync(at('ocsp.crt'), 'latin1'), 'ocsp.crt');
  expect(verdict(certificate!, [], [root], undefined, '-purpose', 'ocsphelper')).toMatch(/: OK$/mu);
  expect((await listObjects()).match(/label: +ocsp$/gmu)).toHaveLength(3);
  const again = await hsmonger(...order);
  expect(again.out).toMatch(/; key there already, certificate on the token already\n$/u);
  const [{ id = '' } = {}] = JSON.parse((await hsmonger('token', 'keys', 'ocsp', '--json', ...flags)).out) as { id?: string }[];
  for (const key of ['ocsp', id.toUpperCase(), 'PKCS11:object=ocsp'])
    expect(await hsmonger(...order.slice(0, 6), '--key', key, ...order.slice(8)), key).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/; key there already, certificate on the token already\n$/u) as string,
    });
  const clash = await hsmonger(
    'ca',
    'issue',
    '--profile',
    'ocsp',
    '--nickname',
    'other',
    '--key-type',
    'P-256',
    '--subject',
    'CN=OCSP responder,O=Example',
    ...flags,
  );
  expect(clash).toMatchObject({ exitCode: 1, err: expect.stringContaining("The certificate 'ocsp' on token") as string });
});

test('a key whose label certmonger has emptied is not made again, and a key that has a certificate gets none under another name', async () => {
  const renewed = ['ca', 'issue', '--profile', 'ocsp', '--nickname', 'renewed', '--subject', 'CN=Renewed,O=Example', ...flags];
  const order = [...renewed, '--key-type', 'P-256'];
  expect((await hsmonger(...order)).out).toContain('key made');
  await runAs(
    token.owner,
    'p11tool',
    ['--provider', token.module, '--login', '--batch', '--set-label', '', `pkcs11:token=${token.label};object=renewed;type=private`],
    { env: { ...token.environment, GNUTLS_PIN: token.pin } },
  );
  const keys = async () => (await listObjects()).match(/^Private Key Object/gmu)?.length;
  const before = await keys();
  const again = await hsmonger(...order);
  expect(again.exitCode, again.err).toBe(0);
  expect(again.out).toMatch(/; key there already, certificate on the token already\n$/u);
  // Renewed since, or with other flags: the same key all the same.
  expect((await hsmonger(...order, '--days', '30')).out).toContain('key there already, certificate stored on the token');
  expect(await hsmonger(...renewed, '--key-type', 'P-384')).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining("The key of the certificate 'renewed' on token 'softhsm_token' is EC with 256 bits") as string,
  });
  expect(await hsmonger(...renewed, '--key', caName)).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining("The certificate 'renewed' that is on token 'softhsm_token' already has another key") as string,
  });
  const second = ['ca', 'issue', '--profile', 'ocsp', '--nickname', 'second', '--subject', 'CN=Second,O=Example', ...flags];
  expect(await hsmonger(...second, '--key', 'ocsp')).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining("The key on token 'softhsm_token' is that of the certificate 'ocsp'") as string,
  });
  expect(await keys()).toBe(before);
});

test('two at once make one key and one certificate; of two keys of one name none is taken', async () => {
  const order = [
    'ca',
    'issue',
    '--profile',
    'ocsp',
    '--nickname',
    'twins',
    '--key-type',
    'P-256',
    '--subject',
    'CN=Twins,O=Example',
    ...flags,
  ];
  const said = await Promise.all([1, 2, 3].map(() => hsmonger(...order)));
  for (const { exitCode, err } of said) expect(exitCode, err).toBe(0);
  const tool = (...args: string[]) =>
    runAs(token.owner, 'pkcs11-tool', ['--module', token.module, '--token-label', token.label, '--login', '--pin', token.pin, ...args], {
      env: { ...token.environment },
    });
  expect(said.filter(({ out }) => out.includes('key made'))).toHaveLength(1);
  expect((await tool('-O')).stdout.match(/label: +twins$/gmu)).toHaveLength(3);
  await tool('--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'twins', '--id', '4711');
  // The certificate says which of them it is.
  expect((await hsmonger(...order)).out).toMatch(/; key there already, certificate on the token already\n$/u);
  for (const id of ['4712', '4713']) await tool('--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'pair', '--id', id);
  const pair = ['ca', 'issue', '--nickname', 'pair', '--key-type', 'P-256', '--subject', 'CN=Pair,O=Example', ...flags];
  expect(await hsmonger(...pair)).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining("There are several keys 'pair' on token") as string,
  });
});

test('interrupted among many: what is committed is given, and a second run goes on from there', async () => {
  const place = instanceOf({ instance: 'ca', configDir: at('etc'), stateDir: at('state') }, {});
  const requests = makeRequests(600);
  const order = { profile: 'caServerCert', requests };
  const interrupted = new AbortController();
  const told: number[] = [];
  const first = await askService(place, 'issue certificates', order, {
    signal: interrupted.signal,
    onProgress: ({ done, total }) => {
      told.push(done);
      expect(total).toBe(600);
      interrupted.abort();
    },
  });
  const given = first.results.filter((result) => 'certificate' in result);
  expect(told.length).toBeGreaterThan(0);
  expect(given.length).toBeGreaterThanOrEqual(told[0]!);
  for (const result of first.results) if ('problem' in result) expect(result.problem.code).toBe('INTERRUPTED');
  const second = await askService(place, 'issue certificates', order);
  expect(second.results.every((result) => 'certificate' in result)).toBe(true);
  for (const result of given)
    expect(second.results.find(({ name }) => name === result.name)).toMatchObject({ certificate: result.certificate, before: true });
});

test('many are issued from below a closed home directory too: threads begin after the drop', async () => {
  const home = at('home');
  cpSync(installation().executables, path.join(home, 'dist'), { recursive: true });
  chmodSync(home, 0o700);
  mkdirSync(at('many'));
  mkdirSync(at('many-certs'));
  for (const { name, csr } of makeRequests(100)) writeFileSync(at('many', `${name}.csr`), csrToPem(csr));
  const { stdout } = await execa(path.join(home, 'dist', 'hsmonger'), [
    'ca',
    'issue',
    '--in-dir',
    at('many'),
    '--out-dir',
    at('many-certs'),
    ...flags,
  ]);
  expect(stdout).toMatch(/^100 of 100 certificates issued\.$/mu);
  expect(readdirSync(at('many-certs'))).toHaveLength(100);
});

test('interrupted before it has begun: it says so, and blames nothing', async () => {
  const place = instanceOf({ instance: 'ca', configDir: at('etc'), stateDir: at('state') }, {});
  const asked = askService(
    place,
    'issue certificates',
    { profile: 'caServerCert', requests: makeRequests(1) },
    { signal: AbortSignal.abort() },
  );
  await expect(asked).rejects.toMatchObject({
    code: 'INTERRUPTED',
    message: expect.stringMatching(/^Interrupted during 'issue certificates'; [^.]*\.$/u) as string,
  });
});

test('what does not go together is refused before anything happens', async () => {
  for (const [words, why] of [
    [[], /Say where the request comes from/u],
    [['--in', 'a', '--in-dir', 'b'], /Say where the request comes from/u],
    [['--in-dir', at('csrs')], /--in-dir and --out-dir go together/u],
    [['--in', at('csrs', 'a.csr'), '--path-length', '0'], /are for CAs/u],
    [['--in', at('csrs', 'a.csr'), '--days', '0'], /--days wants a number from 1 to 36525/u],
    [['--in', at('csrs', 'a.csr'), '--san', 'www.example.test'], /is no name for a certificate/u],
    [['--in', at('csrs', 'a.csr'), '--profile', 'serverr'], /There is no profile 'serverr'; there are server, client/u],
    [['--in', at('csrs', 'a.csr'), '--eku', 'any'], /'any' is no extended key usage; there are serverAuth/u],
    [['--in', at('csrs', 'a.csr'), '--eku', 'serverAuth,2.5.29.37.0'], /anyExtendedKeyUsage is not issued/u],
    [['--in', at('csrs', 'a.csr'), '--profile', 'sub-ca', '--eku', 'serverAuth'], /A CA is issued without extended key usages/u],
    [['--in', at('csrs', 'a.csr'), '--profile', 'ocsp', '--eku', 'clientAuth'], /of no use without OCSPSigning/u],
    [['--nickname', 'x', '--subject', 'CN=x'], /--key-type for a new key or --key/u],
  ] as const) {
    const said = await hsmonger('ca', 'issue', ...words, ...flags);
    expect([said.exitCode === 0, said.err]).toEqual([false, expect.stringMatching(why)]);
  }
});

test('on a full disk no half of a certificate is left, the ledger has it, and the same command gives it elsewhere', async () => {
  const small = at('small');
  mkdirSync(small);
  const many = Array.from({ length: 200 }, (_, index) => ['--san', `dns:a-long-name-number-${String(index)}.example.test`]).flat();
  const issue = ['ca', 'issue', ...flags, '--in', at('csrs', 'a.csr'), ...many, '--out'];
  // One page is left, and the certificate needs three.
  const full = await execa(
    'unshare',
    [
      '--mount',
      'sh',
      '-c',
      `mount -t tmpfs -o size=8k,mode=0755 tmpfs '${small}' && head -c 4096 /dev/zero >'${small}/full' && '${path.join(installation().executables, 'hsmonger')}' "$@"; status=$?; ls -A '${small}'; exit $status`,
      'sh',
      ...issue,
      path.join(small, 'a.crt'),
    ],
    { reject: false },
  );
  expect(full).toMatchObject({ exitCode: 1, stdout: 'full', stderr: expect.stringContaining('Cannot write') as string });
  const said = await hsmonger(...issue, at('many.crt'));
  expect(said.exitCode, said.err).toBe(0);
  expect(said.out).toContain('(issued before)');
  expect(read(at('many.crt')).length).toBeGreaterThan(8192);
});
