import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOutsideAuthority, type OutsideAuthority } from '../rig/outside-authority.js';
import { buildSite, hsmonger, type Site } from './site.js';

const nickname = 'caSigningCert cert-pki-ca';
const ocsp = 'ocspSigningCert cert-pki-ca';
let site: Site;
let outside: OutsideAuthority;
let csr: string;

beforeAll(async () => {
  site = await buildSite({ each: { daysLeft: 100 } });
  const said = await hsmonger('setup', ...site.setupFlags);
  expect(said.exitCode, said.err + said.out).toBe(0);
  mkdirSync(path.join(site.directory, 'outside'));
  outside = createOutsideAuthority(path.join(site.directory, 'outside'));
  csr = path.join(site.directory, 'ca.csr');
}, 120_000);

afterAll(async () => {
  await site.remove();
});

const openssl = (...args: string[]) => execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const imported = () => path.join(site.state, 'hsmonger', 'imported');

test('the request has the name, the key and the nature of the certificate that is there, and OpenSSL verifies it', async () => {
  const said = await hsmonger('ca', 'csr', '--out', csr, ...site.here);
  expect(said.exitCode, said.err).toBe(0);
  expect(said.out).toContain(`${csr}: request for CN=Certificate Authority,O=HSMONGER.TEST, key `);
  expect(statSync(csr).mode & 0o777).toBe(0o644);
  const present = site.authority.certificate(nickname);
  openssl('req', '-in', csr, '-noout', '-verify');
  expect(openssl('req', '-in', csr, '-noout', '-subject')).toBe(openssl('x509', '-in', pemFile(present.pem), '-noout', '-subject'));
  expect(openssl('req', '-in', csr, '-noout', '-pubkey')).toBe(
    new X509Certificate(present.der).publicKey.export({ type: 'spki', format: 'pem' }),
  );
  const text = openssl('req', '-in', csr, '-noout', '-text');
  expect(text).toMatch(/X509v3 Basic Constraints: critical\s+CA:TRUE/u);
  expect(text).toMatch(/X509v3 Key Usage: critical\s+Digital Signature, Non Repudiation, Certificate Sign, CRL Sign/u);
  const identifier = /X509v3 Subject Key Identifier:\s+([0-9A-F:]+)/u;
  expect(identifier.exec(text)?.[1]).toBe(identifier.exec(openssl('x509', '-in', pemFile(present.pem), '-noout', '-text'))?.[1]);
});

test('a file that is there is never written over', async () => {
  const other = pemFile('something else\n');
  const said = await hsmonger('ca', 'csr', '--out', other, ...site.here);
  expect(said).toMatchObject({ exitCode: 2 });
  expect(said.err).toContain('is there already and was left as it is');
  expect(readFileSync(other, 'utf8')).toBe('something else\n');
});

test('without a file the request goes to standard output, and another certificate can be named', async () => {
  const said = await hsmonger('ca', 'csr', ocsp, ...site.here);
  expect(said.exitCode, said.err).toBe(0);
  expect(said.out).toMatch(/^-----BEGIN CERTIFICATE REQUEST-----\n/u);
  const file = path.join(site.directory, 'ocsp.csr');
  writeFileSync(file, said.out);
  expect(openssl('req', '-in', file, '-noout', '-verify', '-text')).toMatch(/Extended Key Usage[^\n]*\n\s+OCSP Signing/u);
  expect(await hsmonger('ca', 'csr', 'stranger', ...site.here)).toMatchObject({ exitCode: 2 });
});

test('what is refused leaves nothing behind and asks certmonger for nothing', async () => {
  const before = await site.getcertList();
  const good = outside.sign(csr);
  const other = outside.sign(csr, { subject: '/O=ELSEWHERE/CN=CA' });
  for (const [files, sentence] of [
    [[good], /hand in the certificates above it/u],
    [[other, outside.intermediate, outside.root], /is for CN=CA,O=ELSEWHERE/u],
    [[outside.intermediate, outside.root], /None of the certificates handed in is for a key of this instance/u],
    [[path.join(site.directory, 'no-such-file')], /Cannot read .*no-such-file/u],
    [[csr], /holds no certificate/u],
  ] as const) {
    const said = await hsmonger('ca', 'import', ...files, ...site.here);
    expect(said.exitCode, said.out).toBeGreaterThan(0);
    expect(said.err).toMatch(sentence);
    expect(said.err.trim().split('\n')).toHaveLength(1);
  }
  expect(readdirSync(path.dirname(imported()))).not.toContain('imported');
  expect(await site.getcertList()).toBe(before);
}, 60_000);

test('a good one is kept for the helper under the name of its key, the chain behind it, and certmonger is asked', async () => {
  const good = outside.sign(csr);
  const said = await hsmonger('ca', 'import', good, outside.root, outside.intermediate, outside.root, '--json', ...site.here);
  expect(said.exitCode, said.err).toBe(0);
  const answer = JSON.parse(said.out) as { imported: { nickname: string; file: string; issuer: string }; report: { result: string } };
  expect(answer.imported).toMatchObject({ nickname, issuer: 'CN=Intermediate,O=Outside' });
  expect(answer.report.result).toBe('submitted');
  const file = path.join(imported(), `${createHash('sha256').update(site.authority.certificate(nickname).spki).digest('hex')}.pem`);
  expect(answer.imported.file).toBe(file);
  expect(statSync(imported())).toMatchObject({ uid: site.token.owner!.uid, mode: 0o40700 });
  expect(statSync(file)).toMatchObject({ uid: site.token.owner!.uid, mode: 0o100600 });
  expect(readFileSync(file, 'utf8').trim()).toBe([good, outside.intermediate, outside.root].map(bare).join('\n'));
}, 60_000);

// The instance's own issuer would renew it too (issuer.type is "token"): what was imported comes first.
test('the helper hands it out and certmonger saves it on the token, with the key that was there; the next one from that CA follows', async () => {
  const key = createHash('sha256').update(site.authority.certificate(nickname).spki).digest('hex');
  const quiet = async () => [...(await site.getcertList()).matchAll(/^\tstatus: (.*)$/gmu)].every(([, state]) => state === 'MONITORING');
  for (const end = Date.now() + 60_000; !(await quiet()); await sleep(300)) expect(Date.now()).toBeLessThan(end);
  // The one handed in second begins first: of two under a nickname NSS, and certmonger with it, reads the one that begins last.
  const begun = outside.sign(csr, { days: 5000 });
  await sleep(1100);
  for (const good of [outside.sign(csr, { days: 4000 }), begun]) {
    const said = await hsmonger('ca', 'import', good, outside.intermediate, outside.root, '--wait', '120', '--json', ...site.here);
    expect(said.exitCode, said.out + said.err).toBe(0);
    const { report } = JSON.parse(said.out) as {
      report: { result: string; before: { key: string }; after: { serial: string; key: string } };
    };
    expect(report).toMatchObject({ result: 'renewed', before: { key }, after: { key } });
    expect(BigInt(`0x${report.after.serial}`)).toBe(BigInt(`0x${new X509Certificate(readFileSync(good)).serialNumber}`));
  }
}, 300_000);

let files = 0;
function pemFile(pem: string): string {
  const file = path.join(site.directory, `pem-${String(++files)}`);
  writeFileSync(file, pem);
  return file;
}

const bare = (file: string) => /-----BEGIN[^]*-----/u.exec(readFileSync(file, 'utf8'))![0];
