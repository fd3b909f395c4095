import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'smol-toml';
import { instanceText, type Answers } from '../../../src/cli/setup/document.js';
import { findCertificates, renewableBy } from '../../../src/cli/setup/found-certificates.js';
import { guessProfile } from '../../../src/cli/setup/profile-guess.js';
import { questionsFor } from '../../../src/cli/setup/questions.js';
import { assertTrustedPlace, writeInstanceFile } from '../../../src/cli/setup/write-instance.js';
import { standingOf } from '../../../src/tracking/standing.js';
import { parseInstance } from '../../../src/config/schema.js';
import { parseCertificate } from '../../../src/x509/parse-certificate.js';
import { createAuthority, dogtagCertificates, type Authority } from '../../rig/authority.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { createSoftToken } from '../../rig/soft-token.js';

let directory: PrivateDirectory;
let authority: Authority;

beforeAll(async () => {
  directory = privateDirectory();
  authority = await createAuthority(await createSoftToken({ directory: directory.path }));
});

afterAll(() => {
  directory.remove();
});

const token = {
  label: 'my "token" \\ é',
  module: '/usr/lib/x.so',
  environment: { SOFTHSM2_CONF: '/etc/x' },
  pinFile: '/etc/hsmonger/x.pin',
};
const answers: Answers = {
  user: 'pkiuser',
  token,
  database: '/etc/pki/alias',
  issuer: 'token',
  issuerCertificate: 'ca',
  restart: 'pki-tomcatd@pki-tomcat.service',
  certificates: [{ nickname: 'it\'s = a "name"', profile: 'caOCSPCert' }],
};

test('the instance file reads back as what was answered, quotes and all', () => {
  const instance = parseInstance('x', '/etc/hsmonger/x.toml', parse(instanceText('x', answers)));
  expect(instance).toMatchObject({
    user: 'pkiuser',
    token: {
      selector: { by: 'label', label: token.label },
      module: token.module,
      environment: token.environment,
      pin: { from: 'file', path: token.pinFile },
    },
    nss: { database: answers.database },
    issuer: { type: 'token', certificate: 'ca' },
    saving: { restart: answers.restart },
    certificates: answers.certificates,
  });
});

test.each([
  ['caSigningCert cert-pki-ca', 'caCACert'],
  ['auditSigningCert cert-pki-ca', 'caSignedLogCert'],
  ['auditSigningCert cert-pki-kra', 'caAuditSigningCert'],
  ['transportCert cert-pki-kra', 'caTransportCert'],
  ['storageCert cert-pki-kra', 'caStorageCert'],
  ['Server-Cert cert-pki-ca', 'caServerCert'],
])('the nickname %s speaks for profile %s, whatever the extensions say', (nickname, profile) => {
  expect(guessProfile(nickname, parseCertificate(authority.certificate('ocspSigningCert cert-pki-ca').der))).toBe(profile);
});

test('under a nickname that says nothing the extensions decide', () => {
  const byContents = (nickname: string) => guessProfile('unknown', parseCertificate(authority.certificate(nickname).der));
  expect(byContents('caSigningCert cert-pki-ca')).toBe('caCACert');
  expect(byContents('ocspSigningCert cert-pki-ca')).toBe('caOCSPCert');
  expect(byContents('auditSigningCert cert-pki-ca')).toBe('caSignedLogCert');
});

test('found are the newest certificates of a name with their key on the token', () => {
  const certificates = authority.certificates.map(({ nickname, keyId, der }) => ({ label: nickname, id: Buffer.from(keyId, 'hex'), der }));
  const keys = authority.certificates.slice(1).map(({ keyId, spki }) => ({
    id: Buffer.from(keyId, 'hex'),
    label: '',
    type: 'RSA' as const,
    size: 2048,
    spki,
    sensitive: true,
    extractable: false,
    canSign: true,
  }));
  const found = findCertificates({
    certificates: [
      ...certificates,
      { label: '', id: Buffer.alloc(1), der: certificates[1]!.der },
      { label: 'garbage', id: Buffer.alloc(1), der: Buffer.from('x') },
    ],
    keys,
  });
  expect(found.map(({ nickname }) => nickname)).toEqual(
    dogtagCertificates
      .slice(1)
      .map(({ nickname }) => nickname)
      .sort(),
  );
});

test('an instance looks after what its issuer signed, and says what it leaves out', () => {
  const found = authority.certificates.map(({ nickname, profile, der }) => ({ nickname, profile, certificate: parseCertificate(der) }));
  const [ca, ocsp] = found;
  expect(renewableBy(ca!, found).certificates).toHaveLength(4);
  expect(renewableBy(ocsp!, found)).toEqual({
    certificates: [],
    leftOut: found.map(({ nickname }) => `'${nickname}' is left out: 'ocspSigningCert cert-pki-ca' did not issue it.`),
  });
});

test('an instance file appears whole, 0644, and nothing else stays beside it', () => {
  const file = path.join(directory.path, 'etc', 'deep', 'x.toml');
  assertTrustedPlace(file);
  writeInstanceFile(file, 'a = 1\n');
  writeInstanceFile(file, 'a = 2\n');
  expect(readFileSync(file, 'utf8')).toBe('a = 2\n');
  expect(statSync(file).mode & 0o777).toBe(0o644);
  expect(readdirSync(path.dirname(file))).toEqual(['x.toml']);
});

test('a place where others can write is refused before anything is written', () => {
  const open = path.join(directory.path, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  expect(() => {
    assertTrustedPlace(path.join(open, 'etc', 'x.toml'));
  }).toThrow(/can be written by others/u);
});

test('--yes takes the one candidate, and names the flag where there are none or two', async () => {
  const io = { out: () => undefined, err: () => undefined, interactive: false, colour: false };
  const wanted = { flag: 'module', question: 'PKCS#11 module', given: undefined };
  const questions = questionsFor(io, true);
  await expect(questions.value({ ...wanted, candidates: ['/a'] })).resolves.toBe('/a');
  await expect(questions.value({ ...wanted, given: '/given', candidates: ['/a', '/b'] })).resolves.toBe('/given');
  await expect(questions.value({ ...wanted, candidates: ['/a', '/b'] })).rejects.toThrow(
    "With --yes nothing is asked: say --module (found: '/a', '/b').",
  );
  await expect(questions.value({ ...wanted, candidates: [] })).rejects.toThrow('say --module.');
});

test('a person is asked until there is an answer; an empty one takes what is proposed', async () => {
  const asked: string[] = [];
  const replies = ['', '/typed', '', 'n'];
  const io = {
    out: () => undefined,
    err: () => undefined,
    interactive: true,
    colour: false,
    ask: (question: string) => {
      asked.push(question);
      return Promise.resolve(replies.shift() ?? '');
    },
  };
  const questions = questionsFor(io, false);
  await expect(questions.value({ flag: 'module', question: 'Module', given: undefined, candidates: [] })).resolves.toBe('/typed');
  await expect(questions.value({ flag: 'module', question: 'Module', given: undefined, candidates: ['/a', '/b'] })).resolves.toBe('/a');
  await expect(questions.confirm('Go on?')).resolves.toBe(false);
  expect(asked).toEqual(['Module: ', 'Module: ', 'Module [/a] (also: /b): ', 'Go on? [y/N]: ']);
});

test.each([
  ['MONITORING', 'new', 'renewed'],
  ['MONITORING', 'old', 'failed'],
  ['MONITORING', undefined, 'failed'],
  ['CA_WORKING', 'old', 'under way'],
  ['SAVING_CERT', 'old', 'under way'],
  ['READING_CERT', 'new', 'under way'],
  ['NEED_GUIDANCE', 'old', 'failed'],
  ['CA_UNREACHABLE', 'old', 'failed'],
])('a request in %s holding the %s certificate is %s', (status, pem, standing) => {
  expect(standingOf('old', { status, certificate: { pem } })).toBe(standing);
});
