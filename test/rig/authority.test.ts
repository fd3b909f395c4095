import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, type Authority } from './authority.js';
import { privateDirectory } from './directory.js';
import { createNssDatabase, dogtagTrust } from './nss-database.js';
import { runAs } from './run-as.js';
import { ensureServiceUser } from './service-user.js';
import { createSoftToken, type SoftToken } from './soft-token.js';

const owner = ensureServiceUser();
const directory = privateDirectory();
let token: SoftToken;
let authority: Authority;

beforeAll(async () => {
  token = await createSoftToken({ directory: directory.path, owner });
  authority = await createAuthority(token, { only: { 'subsystemCert cert-pki-ca': { daysLeft: 300, dnsNames: ['ca.hsmonger.test'] } } });
});

afterAll(() => {
  directory.remove();
});

const objects = () =>
  execFileSync('pkcs11-tool', ['--module', token.module, '-O', '--login', '--pin', token.pin], {
    env: { ...process.env, ...token.environment },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });

describe('the authority of the rig', () => {
  it('has four certificates that openssl verifies against the first', () => {
    const files = authority.certificates.map(({ pem }, index) => {
      const file = path.join(directory.path, `${String(index)}.pem`);
      writeFileSync(file, pem);
      return file;
    });
    expect(files).toHaveLength(4);
    for (const file of files)
      expect(execFileSync('openssl', ['verify', '-CAfile', files[0]!, file], { encoding: 'utf8' })).toContain(': OK');
  });

  it('keeps each key on the token, sensitive and never extractable, with the CKA_ID NSS would give', () => {
    const listed = objects();
    expect(listed.match(/^Private Key Object/gmu)).toHaveLength(4);
    expect(listed.match(/sensitive, always sensitive, never extractable/gu)).toHaveLength(4);
    for (const { keyId } of authority.certificates) expect(listed.split(`ID:         ${keyId}\n`)).toHaveLength(4);
  });

  it('signs requests the way certmonger writes them for an adopted certificate', () => {
    const { csr } = authority.certificate('caSigningCert cert-pki-ca');
    const text = execFileSync('openssl', ['req', '-verify', '-noout', '-text'], {
      input: csr,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    expect(text).toContain('CA:FALSE');
  });

  it('gives dates and names as asked', () => {
    const subsystem = new X509Certificate(authority.certificate('subsystemCert cert-pki-ca').der);
    const left = (new Date(subsystem.validTo).getTime() - Date.now()) / 86_400_000;
    expect(left).toBeGreaterThan(299);
    expect(subsystem.subjectAltName).toBe('DNS:ca.hsmonger.test');
  });

  it('makes odd certificates beside: commas, UTF-8, several values in one RDN, foreign identifiers, no label', async () => {
    const odd = await createAuthority(token, {
      certificates: [
        {
          nickname: 'odd',
          profile: 'caServerCert',
          issuer: 'caSigningCert cert-pki-ca',
          subject: [{ O: ['Acme, "Inc"'] }, { CN: ['Zoë ☃'], OU: ['a+b'] }],
          subjectKeyId: '0102030405',
          keyId: '01',
          unlabelled: true,
          bits: 1024,
          without: ['2.5.29.15'],
        },
      ],
    });
    const text = execFileSync('openssl', ['x509', '-noout', '-text', '-nameopt', 'utf8,sep_comma_plus,esc_2253'], {
      input: odd.certificate('odd').pem,
      encoding: 'utf8',
    });
    expect(text).toContain('Subject: O=Acme\\, \\"Inc\\",CN=Zoë ☃+OU=a\\+b');
    expect(text).toContain('01:02:03:04:05');
    expect(text).not.toContain('X509v3 Key Usage');
    expect(objects()).toMatch(/Certificate Object; type = X.509 cert\n {2}label: *\n {2}subject: .*\n.*\n {2}ID: {9}01\n/u);
  });

  it('leaves no file of another owner on the token', () => {
    expect(execFileSync('find', [token.tokenDirectory, token.pinFile, '!', '-user', owner.name], { encoding: 'utf8' })).toBe('');
  });
});

describe('two tokens of the rig', () => {
  it('are slots of one module when made beside each other', async () => {
    const second = await createSoftToken({ directory: directory.path, beside: token, label: 'second token' });
    expect(second.confFile).toBe(token.confFile);
    expect(execFileSync('softhsm2-util', ['--show-slots'], { env: { ...process.env, ...token.environment }, encoding: 'utf8' })).toMatch(
      /softhsm_token[^]*second token|second token[^]*softhsm_token/u,
    );
  });
});

describe('the NSS database of the rig', () => {
  it.each([undefined, 'database-password'])(
    'sees the token with the trust Dogtag gives (internal password %s), all files the service user’s',
    async (password) => {
      const name = password ?? 'alias';
      const { database, loginFile, moduleName } = await createNssDatabase({
        directory: directory.path,
        token,
        trust: dogtagTrust,
        name,
        ...(password === undefined ? {} : { password }),
      });
      const { stdout } = await runAs(owner, 'certutil', ['-L', '-d', `sql:${database}`, '-h', token.label, '-f', loginFile], {
        env: token.environment,
      });
      for (const [nickname, flags] of Object.entries(dogtagTrust))
        expect(stdout.replace(/ +/gu, ' ')).toContain(`${token.label}:${nickname} ${flags}`);
      expect(moduleName).toBe('libsofthsm2');
      expect(execFileSync('find', [database, '!', '-user', owner.name], { encoding: 'utf8' })).toBe('');
    },
  );
});
