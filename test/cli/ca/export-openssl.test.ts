import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installation } from '../../../src/platform/installation.js';
import { insertIssued } from '../../../src/ledger/issued.js';
import { openLedger } from '../../../src/ledger/ledger.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { createInstance } from '../../rig/instance.js';
import { caNickname, createOpensslAuthority, openssl, type OpensslAuthority } from '../../rig/openssl-authority.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../../rig/soft-token.js';
import { hsmonger } from '../site.js';

let home: PrivateDirectory;
let token: SoftToken;
let authority: OpensslAuthority;
let here: readonly string[];
let stateDir: string;
const files: Record<string, string> = {};
const out = () => path.join(home.path, 'moved');

beforeAll(async () => {
  home = privateDirectory('export');
  token = await createSoftToken({ directory: home.path, owner: ensureServiceUser() });
  authority = await createOpensslAuthority(home.path, token, 'P-256');
  const { configDir, ...instance } = createInstance({ directory: home.path, token, certificates: [], issuerCertificate: caNickname });
  ({ stateDir } = instance);
  here = ['--config-dir', configDir, '--state-dir', stateDir];
  for (const [name, reason, ...more] of [
    ['lost', 'keyCompromise', '--invalidity', '2026-03-01T10:00Z'],
    ['plain', 'unspecified'],
    ['left', 'privilegeWithdrawn'],
    ['fine', 'certificateHold'],
  ] as const) {
    // A serial with its first bit set, and a subject that is not ASCII.
    files[name] = await authority.issue(name, {
      days: name === 'fine' ? 20_000 : 100,
      ...(name === 'lost' ? { serial: 'fe01', subject: '/O=Grün/CN=lost' } : {}),
    });
    const said = await hsmonger('ca', 'revoke', files[name], '--reason', reason, ...more, ...here);
    expect(said.exitCode, said.err).toBe(0);
  }
  await hsmonger('ca', 'unrevoke', files['fine']!, ...here);
  await hsmonger('ca', 'crl', '--above', '41', ...here);
}, 60_000);
afterAll(() => {
  home.remove();
});

test('openssl ca goes on with what is written: state, next CRL by the key on the token, OCSP answers from the index', async () => {
  const said = await hsmonger('ca', 'export-openssl', out(), ...here);
  expect(said.exitCode, said.err).toBe(0);
  expect(said.err).toMatch(/no words for: [0-9A-F]+: the reason privilegeWithdrawn\./u);
  expect(readFileSync(path.join(out(), 'crlnumber'), 'utf8')).toBe('2B\n');
  const lines = readFileSync(path.join(out(), 'index.txt'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split('\t'));
  expect(lines.map(([state]) => state)).toEqual(['R', 'R', 'R', 'V']);
  expect(lines[0]?.slice(2)).toEqual([
    expect.stringMatching(/^\d{12}Z,keyTime,20260301100000Z$/u),
    'FE01',
    'unknown',
    '/O=Gr\\xC3\\xBCn/CN=lost',
  ]);
  expect(lines[3]?.[1]).toMatch(/^20\d{12}Z$/u);
  expect(existsSync(path.join(out(), 'newcerts', `${authority.serialOf(files['plain']!)}.pem`))).toBe(true);
  const conf = path.join(home.path, 'openssl.cnf');
  const section =
    'default_ca = ca\n[ca]\ndatabase = D/index.txt\nserial = D/serial\ncrlnumber = D/crlnumber\nnew_certs_dir = D/newcerts\ncertificate = D/ca.pem\ndefault_md = sha256\ndefault_crl_days = 3\npolicy = any\n[any]\ncommonName = supplied\n[req]\n';
  writeFileSync(conf, section.replaceAll('D/', `${out()}/`));
  const run = (args: readonly string[]) =>
    spawnSync('openssl', args, {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], SOFTHSM2_CONF: token.confFile, PKCS11_MODULE_PATH: token.module },
    });
  expect(run(['ca', '-config', conf, '-status', 'FE01']).stderr).toContain('FE01=Revoked (R)');
  expect(run(['ca', '-config', conf, '-status', authority.serialOf(files['fine']!)]).stderr).toMatch(/=Valid \(V\)/u);
  const made = run([
    'ca',
    '-config',
    conf,
    '-gencrl',
    '-engine',
    'pkcs11',
    '-keyform',
    'engine',
    '-keyfile',
    `pkcs11:token=${token.label};object=${caNickname};type=private;pin-value=${token.pin}`,
    '-out',
    path.join(home.path, 'theirs.pem'),
  ]);
  expect(made.status, made.stderr).toBe(0);
  const text = openssl('crl', '-in', path.join(home.path, 'theirs.pem'), '-noout', '-text');
  expect(text).toMatch(/CRL Number: ?\n\s+43\n/u);
  expect(text).toMatch(/Serial Number: FE01\n[^]*Key Compromise\n\s+Invalidity Date: ?\n\s+Mar {2}1 10:00:00 2026 GMT/u);
  // The other way about: what openssl published is what ours is numbered above.
  expect((await hsmonger('ca', 'crl', '--above', path.join(home.path, 'theirs.pem'), '--json', ...here)).out).toMatch(/"number": "44"/u);
  const file = (name: string) => path.join(home.path, name);
  const which = ['-issuer', authority.ca, '-serial', '0xFE01', '-no_nonce'];
  openssl('ocsp', ...which, '-reqout', file('question'));
  openssl(
    'ocsp',
    '-index',
    path.join(out(), 'index.txt'),
    '-CA',
    authority.ca,
    '-rsigner',
    authority.ca,
    '-rkey',
    file('ca.key'),
    '-reqin',
    file('question'),
    '-respout',
    file('answer'),
  );
  expect(openssl('ocsp', ...which, '-respin', file('answer'), '-CAfile', authority.ca)).toMatch(
    /0xFE01: revoked\n[^]*Reason: keyCompromise/u,
  );
}, 60_000);

test('a directory that is not empty is left alone', async () => {
  expect(await hsmonger('ca', 'export-openssl', home.path, ...here)).toMatchObject({
    exitCode: 2,
    err: expect.stringMatching(/is not empty/u) as string,
  });
});

test('only the last directory is made, and what a run before did not finish is completed', async () => {
  const typo = path.join(home.path, 'hom', 'admin', 'moved');
  expect(await hsmonger('ca', 'export-openssl', typo, ...here)).toMatchObject({
    exitCode: 2,
    err: expect.stringContaining(`There is no directory ${path.dirname(typo)} to make moved in`) as string,
  });
  expect(existsSync(path.join(home.path, 'hom'))).toBe(false);
  const half = path.join(home.path, 'half');
  mkdirSync(path.join(half, 'newcerts'), { recursive: true });
  mkdirSync(path.join(half, '.hsmonger-export'));
  writeFileSync(path.join(half, 'newcerts', 'FE01.pem'), '-----BEG');
  const said = await hsmonger('ca', 'export-openssl', half, ...here);
  expect(said.exitCode, said.err).toBe(0);
  expect(readdirSync(half).sort()).toEqual(['ca.pem', 'crlnumber', 'index.txt', 'index.txt.attr', 'newcerts', 'serial']);
  expect(openssl('x509', '-in', path.join(half, 'newcerts', 'FE01.pem'), '-noout', '-serial')).toContain('FE01');
  // Whole, it may be what another CA works on.
  expect(await hsmonger('ca', 'export-openssl', half, ...here)).toMatchObject({ exitCode: 2 });
});

test('on a full disk nothing is left', () => {
  const small = path.join(home.path, 'small');
  mkdirSync(small);
  const script = `mount -t tmpfs -o size=12k,mode=0755 tmpfs '${small}' && '${path.join(installation().executables, 'hsmonger')}' "$@"; status=$?; ls -A '${small}'; exit $status`;
  const full = spawnSync('unshare', ['--mount', 'sh', '-c', script, 'sh', 'ca', 'export-openssl', path.join(small, 'moved'), ...here], {
    encoding: 'utf8',
  });
  expect(full).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/Cannot write below \S+: .*no space left.*; nothing was left there\.\n$/iu) as string,
  });
}, 60_000);

test('what cannot be revoked, listed or read is refused with the reason, and changes nothing', async () => {
  const ledger = () => openssl('dgst', '-sha256', path.join(here[3]!, 'hsmonger/ledger.sqlite'));
  const before = ledger();
  const otherCa = path.join(home.path, 'other-ca.pem');
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    path.join(home.path, 'other.key'),
    '-subj',
    '/CN=Other',
    '-days',
    '9',
    '-out',
    otherCa,
  );
  const foreign = path.join(home.path, 'foreign.crl');
  writeFileSync(foreign, 'no CRL\n');
  for (const [words, exitCode, sentence] of [
    [['revoke', files['lost']!], 1, /was revoked already, at .* \(keyCompromise\)/u],
    [['revoke', 'FE:01'], 1, /was revoked already/u],
    [['revoke', 'abcd'], 1, /issued no certificate with the serial number 00abcd/u],
    [['revoke', otherCa], 1, /was not issued by .*only its own issuer/u],
    [['revoke', authority.ca], 1, /no CA revokes itself/u],
    [['revoke', 'no-such-file'], 2, /is no serial number in hexadecimal, and no file that can be read/u],
    [['revoke', files['fine']!, '--reason', 'lost'], 2, /is no reason of RFC 5280/u],
    [['revoke', files['fine']!, '--invalidity', '2026-02-31'], 2, /is no date/u],
    [['crl', '--days', '0'], 2, /--days wants a number from 1 to 3650/u],
    [['crl', '--out', foreign], 1, /must hold exactly one PEM CRL/u],
    [['crl', '--out', path.join(home.path, 'no/such/directory.crl')], 2, /nothing was signed/u],
  ] as const) {
    const said = await hsmonger('ca', ...words, ...here);
    expect(said, said.out).toMatchObject({ exitCode, err: expect.stringMatching(sentence) as string });
  }
  expect(readFileSync(foreign, 'utf8')).toBe('no CRL\n');
  expect(ledger()).toBe(before);
}, 60_000);

test('with the token away, what the ledger knows is revoked all the same, by its serial number and by its file', async () => {
  const unknown = await authority.issue('unknown', { days: 9 });
  const serial = authority.serialOf(files['fine']!);
  renameSync(token.tokenDirectory, `${token.tokenDirectory}.away`);
  try {
    for (const [words, change] of [
      [['revoke', serial, '--reason', 'certificateHold'], 'held'],
      [['unrevoke', files['fine']!], 'hold ended'],
      [['revoke', files['fine']!, '--reason', 'superseded'], 'revoked'],
    ] as const) {
      const said = await hsmonger('ca', ...words, '--json', ...here);
      expect(said.exitCode, said.err).toBe(0);
      expect(JSON.parse(said.out)).toMatchObject({ change, subject: 'CN=fine,O=Company' });
    }
    expect(await hsmonger('ca', 'revoke', serial, ...here)).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/was revoked already, at .* \(superseded\)/u) as string,
    });
    expect((await hsmonger('ca', 'revoke', 'abcd', ...here)).err).toMatch(/issued no certificate with the serial number 00abcd/u);
    // Whose it is, only the CA's key can say.
    expect((await hsmonger('ca', 'revoke', unknown, ...here)).err).toMatch(/^hsmonger: Initialising the PKCS#11 module .* failed/u);
  } finally {
    renameSync(`${token.tokenDirectory}.away`, token.tokenDirectory);
  }
  expect((await hsmonger('ca', 'revoke', unknown, ...here)).exitCode).toBe(0);
}, 60_000);

test('what only a published CRL told of stays revoked with openssl', async () => {
  const at = (name: string) => path.join(home.path, name);
  const config = (directory: string) => {
    writeFileSync(
      at('gone.cnf'),
      `default_ca = ca\n[ca]\ndatabase = ${directory}/index.txt\ncrlnumber = ${directory}/crlnumber\ncertificate = ${authority.ca}\nprivate_key = ${at('ca.key')}\ndefault_md = sha256\ndefault_crl_days = 3\n`,
    );
    return at('gone.cnf');
  };
  mkdirSync(at('gone'));
  writeFileSync(at('gone/index.txt'), 'R\t300101000000Z\t260301100000Z,keyCompromise\tAB01\tunknown\t/CN=gone\n');
  writeFileSync(at('gone/crlnumber'), '70\n');
  openssl('ca', '-config', config(at('gone')), '-gencrl', '-out', at('gone.pem'));
  expect(await hsmonger('ca', 'crl', '--above', at('gone.pem'), ...here)).toMatchObject({ exitCode: 0 });

  const said = await hsmonger('ca', 'export-openssl', at('told'), '--json', ...here);
  expect(said.exitCode, said.err).toBe(0);
  expect(said.err).toContain('AB01, known from a published CRL alone: its expiry and its subject');
  expect(JSON.parse(said.out)).toMatchObject({ revokedElsewhere: 1 });
  const conf = config(at('told'));
  openssl('ca', '-config', conf, '-updatedb');
  openssl('ca', '-config', conf, '-gencrl', '-out', at('told.pem'));
  expect(openssl('crl', '-in', at('told.pem'), '-noout', '-text')).toMatch(
    /Serial Number: AB01\n\s+Revocation Date: Mar {2}1 10:00:00 2026 GMT\n[^]*?Key Compromise/u,
  );
}, 60_000);

test('more certificates than one answer of the process that reads them can hold', async () => {
  const count = 1000;
  const file = path.join(home.path, 'large.der');
  openssl(
    ...['req', '-x509', '-utf8', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null'],
    ...['-subj', '/C=US/O=Müller \\/ Söhne/CN=My Company Root CA', '-set_serial', '0x40000000000000000000000000000000'],
    ...['-addext', `nsComment=${'x'.repeat(70_000)}`, '-outform', 'DER', '-out', file],
  );
  const large = readFileSync(file);
  const serial = large.indexOf(Buffer.from('40000000000000000000000000000000', 'hex'));
  const ledger = openLedger(path.join(stateDir, 'hsmonger', 'ledger.sqlite'));
  ledger.transaction(() => {
    for (let n = 0; n < count; n++) {
      const certificate = Buffer.from(large);
      certificate.writeUInt32BE(n, serial + 12);
      insertIssued(ledger, {
        ...{
          issuerKey: 'k',
          serial: certificate.toString('hex', serial, serial + 16),
          request: `large ${String(n)}`,
          profile: 'caServerCert',
        },
        ...{ subject: 'CN=large', subjectKey: `key ${String(n)}`, notBefore: new Date(0), notAfter: new Date('2049-01-01') },
        ...{ certificate, issuedAt: new Date(0), uid: 0 },
      });
    }
  })();
  ledger.close();
  expect(count * large.length).toBeGreaterThan(64 * 1024 * 1024);
  const moved = path.join(home.path, 'many');
  const said = await hsmonger('ca', 'export-openssl', moved, ...here);
  expect(said.exitCode, said.err).toBe(0);
  expect(readFileSync(path.join(moved, 'index.txt'), 'utf8').match(/CN=large|My Company Root CA/gu)?.length).toBe(count);
  expect(readdirSync(path.join(moved, 'newcerts')).length).toBeGreaterThan(count);
}, 120_000);
