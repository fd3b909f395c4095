import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { judgeImport, thereAlready, type ImportFacts } from '../../../src/renewal/importing/judge-import.js';
import { readCertificates } from '../../../src/renewal/importing/read-certificates.js';
import { run } from '../../../src/platform/run.js';
import type { Certificate } from '../../../src/x509/certificate.js';
import { equalBytes } from '../../../src/x509/der.js';
import { parseCertificate } from '../../../src/x509/parse-certificate.js';
import { certificateFromPem } from '../../../src/x509/pem.js';
import { privateDirectory } from '../../rig/directory.js';
import { createOutsideAuthority, type SignOptions } from '../../rig/outside-authority.js';

const directory = privateDirectory();
const at = (name: string) => path.join(directory.path, name);
const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
const outside = createOutsideAuthority(at('outside'));
const read = (file: string): Certificate => parseCertificate(certificateFromPem(readFileSync(file, 'utf8')));

const subject = '/O=HSMONGER.TEST/CN=Certificate Authority';
const caExtensions = [
  'basicConstraints=critical,CA:TRUE',
  'keyUsage=critical,digitalSignature,keyCertSign,cRLSign',
  'subjectKeyIdentifier=hash',
];
const flags = caExtensions.flatMap((line) => ['-addext', line]);
openssl(
  'req',
  '-new',
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-256',
  '-nodes',
  '-keyout',
  at('ca.key'),
  '-out',
  at('ca.csr'),
  '-subj',
  subject,
  ...flags,
);
openssl(
  'req',
  '-new',
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-256',
  '-nodes',
  '-keyout',
  at('other.key'),
  '-out',
  at('other.csr'),
  '-subj',
  subject,
  ...flags,
);
openssl('req', '-x509', '-key', at('ca.key'), '-out', at('self.pem'), '-subj', subject, '-days', '4000', '-config', '/dev/null', ...flags);
const present = outside.sign(at('ca.csr'), { days: 100 });
const good = outside.sign(at('ca.csr'));
// What openssl makes below is valid from the second it is made.
const now = new Date(Date.now() + 3_600_000);

afterAll(() => {
  directory.remove();
});

const facts = (given: readonly string[], change: Partial<ImportFacts> = {}): ImportFacts => ({
  given: given.map(read),
  pool: [outside.root, outside.intermediate].map(read),
  present: [{ nickname: 'caSigningCert cert-pki-ca', certificate: read(present) }],
  forceSelfSigned: false,
  ...change,
});

test('a longer one of the same CA is taken, with what stands above it in order', () => {
  const { nickname, certificate, path: above } = judgeImport(now, facts([good]));
  expect(nickname).toBe('caSigningCert cert-pki-ca');
  expect(equalBytes(certificate.der, read(good).der)).toBe(true);
  expect([...above.chain, ...above.roots].map(({ der }) => Buffer.from(der).toString('hex'))).toEqual(
    [outside.intermediate, outside.root].map((file) => Buffer.from(read(file).der).toString('hex')),
  );
});

test('the order in the file does not matter, nor that something is in it twice, nor that the chain is in it', () => {
  const judged = judgeImport(now, facts([outside.root, outside.intermediate, present, good, good, outside.root], { pool: [] }));
  expect(equalBytes(judged.certificate.der, read(good).der)).toBe(true);
});

test('the very one that is there is told to be there, alone or with its chain; with a later one it is that one that counts', () => {
  const { present: ours } = facts([]);
  expect(thereAlready([outside.root, present].map(read), ours)).toEqual(ours[0]);
  expect(thereAlready([present, good].map(read), ours)).toBeUndefined();
  expect(thereAlready([outside.root].map(read), ours)).toBeUndefined();
});

const signed = (options: SignOptions) => outside.sign(at('ca.csr'), options);

describe('refused, each with its sentence', () => {
  it.each<[string, () => ImportFacts, string, RegExp]>([
    [
      'another subject',
      () => facts([signed({ subject: '/O=ELSEWHERE/CN=Certificate Authority' })]),
      'SUBJECT_MISMATCH',
      /is for CN=Certificate Authority,O=ELSEWHERE, and the one it would replace is for/u,
    ],
    ['another key', () => facts([outside.sign(at('other.csr'))]), 'KEY_MISMATCH', /was made for another key/u],
    [
      'nothing of ours',
      () => facts([outside.intermediate]),
      'SUBJECT_MISMATCH',
      /None of the certificates handed in is for a key of this instance/u,
    ],
    ['no chain at hand', () => facts([good], { pool: [] }), 'ISSUED_WRONG', /hand in the certificates above it/u],
    [
      'a chain without its root',
      () => facts([good], { pool: [read(outside.intermediate)] }),
      'ISSUED_WRONG',
      /is at hand whose key made the signature/u,
    ],
    ['no longer valid than now', () => facts([signed({ days: 50 })]), 'NOT_LONGER', /no later than the one that is there/u],
    ['the same one again', () => facts([present]), 'NOT_LONGER', /no later than the one that is there/u],
    [
      'no CA certificate',
      () => facts([signed({ extensions: ['basicConstraints=critical,CA:FALSE', 'subjectKeyIdentifier=hash'] })]),
      'ISSUED_WRONG',
      /it is no CA certificate and the one it renews is/u,
    ],
    [
      'a CA certificate that may not sign',
      () =>
        facts([signed({ extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,cRLSign', 'subjectKeyIdentifier=hash'] })]),
      'ISSUED_WRONG',
      /lacks keyCertSign/u,
    ],
    [
      'another key identifier',
      () => facts([signed({ extensions: ['basicConstraints=critical,CA:TRUE', 'subjectKeyIdentifier=01:02:03'] })]),
      'ISSUED_WRONG',
      /subject key identifier/u,
    ],
    ['SHA-1', () => facts([signed({ digest: 'sha1' })]), 'WEAK_DIGEST', /SHA-1/u],
    ['signed by itself where another CA had signed', () => facts([at('self.pem')]), 'ISSUER_EXTERNAL', /--force-self-signed/u],
  ])('%s', (_case, given, code, message) => {
    expect(() => judgeImport(now, given())).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error,
    );
  });
  it('expired, by a clock that is right', () => {
    expect(() => judgeImport(new Date('2060-01-01'), facts([good]))).toThrow(
      expect.objectContaining({ code: 'ISSUED_WRONG', message: expect.stringMatching(/expired at/u) as string }) as Error,
    );
  });
});

test('self-signed is taken where it was said, and where the present one is self-signed too', () => {
  expect(judgeImport(now, facts([at('self.pem')], { forceSelfSigned: true })).path.chain).toEqual([]);
  openssl('req', '-x509', '-key', at('ca.key'), '-out', at('short.pem'), '-subj', subject, '-days', '10', '-config', '/dev/null', ...flags);
  expect(judgeImport(now, facts([at('self.pem')], { present: [{ nickname: 'x', certificate: read(at('short.pem')) }] })).nickname).toBe(
    'x',
  );
});

describe('a file as CAs send it', () => {
  openssl('x509', '-in', good, '-outform', 'DER', '-out', at('good.der'));
  openssl('crl2pkcs7', '-nocrl', '-certfile', good, '-certfile', outside.root, '-out', at('bundle.p7b'));
  openssl('crl2pkcs7', '-nocrl', '-certfile', good, '-certfile', outside.root, '-outform', 'DER', '-out', at('bundle.p7c'));
  const pems = Buffer.concat([
    Buffer.from('Here it is:\r\n'),
    readFileSync(good),
    Buffer.from('and its issuer\n'),
    readFileSync(outside.root),
  ]);
  it.each<[string, Buffer, number]>([
    ['one PEM', readFileSync(good), 1],
    ['several PEMs with text around them', pems, 2],
    ['PEM with the line ends of another system', Buffer.from(pems.toString().replace(/\r?\n/gu, '\r\n')), 2],
    ['DER', readFileSync(at('good.der')), 1],
    ['PKCS#7', readFileSync(at('bundle.p7b')), 2],
    ['PKCS#7 under its other name', Buffer.from(readFileSync(at('bundle.p7b'), 'latin1').replaceAll('PKCS7', 'CMS')), 2],
    ['PKCS#7 in DER', readFileSync(at('bundle.p7c')), 2],
  ])('%s', async (_case, content, count) => {
    const found = await readCertificates({ name: 'file', content }, run);
    expect(found).toHaveLength(count);
    expect(found.some(({ der }) => equalBytes(der, read(good).der))).toBe(true);
  });
  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('no certificate here')],
    ['a request', readFileSync(at('ca.csr'))],
    ['half a DER certificate', readFileSync(at('good.der')).subarray(0, 200)],
    ['a PEM certificate without its end', Buffer.from(readFileSync(good, 'utf8').replace(/-----END.*/u, ''))],
    ['PKCS#7 that is none', Buffer.from('-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----\n')],
    ['PKCS#7 in DER that is none', Buffer.from([0x30, 0x03, 0x06, 0x01, 0x2a])],
  ])('%s is refused by name', async (_case, content) => {
    await expect(readCertificates({ name: 'the-file', content }, run)).rejects.toThrow(
      expect.objectContaining({ code: 'CERTIFICATE_INVALID', message: expect.stringContaining('the-file') as string }) as Error,
    );
  });
});
