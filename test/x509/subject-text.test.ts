import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nameText } from '../../src/x509/names/name.js';
import { parseCsr } from '../../src/x509/parse-csr.js';
import { subjectFromText } from '../../src/x509/names/subject-text.js';

let directory: string;
let key: string;
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'subject-'));
  key = path.join(directory, 'key.pem');
  writeFileSync(key, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }));
});
afterAll(() => rmSync(directory, { recursive: true }));

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const byOpenssl = (subject: string) =>
  hex(
    parseCsr(
      new Uint8Array(
        execFileSync('openssl', ['req', '-new', '-key', key, '-utf8', '-multivalue-rdn', '-subj', subject, '-outform', 'DER'], {
          stdio: ['ignore', 'pipe', 'pipe'],
        }),
      ),
    ).subject,
  );

describe("openssl's form", () => {
  it.each([
    '/C=US/ST=My State/O=My Company/OU=My Company Certificate Authority/CN=My Company Root CA',
    '/O=Comma, Inc./CN=Root',
    '/O=Slash \\/ Plus \\+ Backslash \\\\ Quote "x/CN=Root',
    '/O=Größe & Söhne/CN=根認証局',
    '/O=Company/CN=Root+serialNumber=12',
    '/DC=test/DC=example/CN=Root/emailAddress=ca@example.test',
    '/O=b /CN= a ',
    '/O=b\\ \\ /CN=a\\ ',
    '/CN=a\\\\ ',
    '/CN=a/',
  ])('%s is what openssl req makes of it, octet for octet', (subject) => {
    expect(hex(subjectFromText(subject))).toBe(byOpenssl(subject));
  });

  it.each(['/CN', '//CN=a', '/O=a//CN=b', '/C=US/CN=a+', '/=a', '/UNKNOWN=a', '/CN=a\\'])('%s is refused', (subject) => {
    expect(() => subjectFromText(subject)).toThrow(/name|subject/u);
  });
});

it('says the same in both forms', () => {
  const one = subjectFromText('CN=My Root\\, the first,O=My Company,ST=My State,C=US');
  expect(hex(one)).toBe(hex(subjectFromText('/C=US/ST=My State/O=My Company/CN=My Root, the first')));
  expect(nameText(one)).toBe('CN=My Root\\, the first,O=My Company,ST=My State,C=US');
});

it.each([
  ['CN=', /empty CN/u],
  ['CN= ,O=a', /empty CN/u],
  ['/CN= ', /empty CN/u],
  ['CN=#1402c366', /CN in an encoding that new certificates have not had/u],
  ['CN=#1e020041', /RFC 5280 §4\.1\.2\.4/u],
  ['CN=#13022a2e', /'\*\.' that says it is a PrintableString/u],
  ['CN=a,C=USA', /C, where 2 is the most/u],
  ['CN=a,C=U1', /two letters/u],
  [`CN=${'x'.repeat(65)}`, /65 characters in CN, where 64/u],
  [`O=${'ü'.repeat(65)},CN=a`, /65 characters in O/u],
] as const)("'%s' is no subject", (text, why) => {
  expect(() => subjectFromText(text)).toThrow(why);
});

it('counts characters, not octets', () => {
  expect(nameText(subjectFromText(`CN=${'ü'.repeat(64)}`))).toBe(`CN=${'ü'.repeat(64)}`);
});
