import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Instance } from '../../src/config/instance.js';
import { certificateIn, readCertificateFiles } from '../../src/tracking/certificate-files.js';
import { parseCertificate } from '../../src/x509/parse-certificate.js';
import { sameKey } from '../../src/x509/public-key.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { makeRaFiles, type RaFiles } from './other-stores.js';

let directory: PrivateDirectory;
let ra: RaFiles;
const at = (name: string) => path.join(directory.path, name);

beforeAll(() => {
  directory = privateDirectory();
  ra = makeRaFiles(directory.path);
});

afterAll(() => {
  directory.remove();
});

function read(certificate: string, key: string): ReturnType<typeof readCertificateFiles> {
  const certificates: Instance['certificates'] = [
    { nickname: 'ra', profile: 'caSubsystemCert', storage: { kind: 'file', certificate, key } },
    { nickname: 'other', profile: 'caOCSPCert', storage: { kind: 'token' } },
  ];
  return readCertificateFiles({ certificates });
}

test('of key and certificate the public value and the DER are read, of whatever PEM form OpenSSL gives the key', () => {
  const [ra1] = read(ra.certificate, ra.key);
  const der = execFileSync('openssl', ['x509', '-in', ra.certificate, '-outform', 'DER']);
  expect(ra1).toMatchObject({ nickname: 'ra', certificate: { der: new Uint8Array(der) } });
  execFileSync('openssl', ['rsa', '-in', ra.key, '-traditional', '-out', at('traditional.key')], { stdio: 'ignore' });
  for (const key of [ra.key, at('traditional.key')]) {
    const [facts] = read(ra.certificate, key);
    expect(facts !== undefined && 'spki' in facts.key && sameKey(facts.key.spki, parseCertificate(der).spki)).toBe(true);
    expect(JSON.stringify(facts)).not.toContain('PRIVATE');
  }
});

test('of several certificates in one file the first is taken, as certmonger does', () => {
  const other = makeRaFiles(directory.path, 'other');
  writeFileSync(at('both.pem'), `some text\n${readFileSync(ra.certificate, 'utf8')}${readFileSync(other.certificate, 'utf8')}`);
  expect(certificateIn(at('both.pem'))).toEqual(certificateIn(ra.certificate));
});

test.each([
  ['there is none', (name: string) => name, /cannot be read: ENOENT/u],
  ['it is a directory', () => directory.path, /cannot be read/u],
  [
    'it is a FIFO, which nobody waits for',
    (name: string) => {
      execFileSync('mkfifo', [name]);
      return name;
    },
    /no file of a certificate or key/u,
  ],
  ['it is endless', () => '/dev/zero', /no file of a certificate or key/u],
  [
    'it holds something else',
    (name: string) => {
      writeFileSync(name, 'hello');
      return name;
    },
    /holds no private key in PEM without a passphrase|exactly one PEM certificate/u,
  ],
])('a failure is told as such where %s', (what, make, reason) => {
  const file = make(at(what.slice(0, 10).replaceAll(' ', '_')));
  const [facts] = read(file, file);
  expect(facts).toMatchObject({
    certificate: { failure: expect.stringMatching(reason) as string },
    key: { failure: expect.stringMatching(reason) as string },
  });
});

test('a key with a passphrase is none certmonger could use, and nobody is asked for it', () => {
  execFileSync('openssl', ['rsa', '-in', ra.key, '-aes256', '-passout', 'pass:secret', '-out', at('closed.key')], { stdio: 'ignore' });
  expect(read(ra.certificate, at('closed.key'))[0]?.key).toEqual({
    failure: `${at('closed.key')} holds no private key in PEM without a passphrase`,
  });
});
