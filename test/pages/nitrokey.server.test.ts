/**
 * "Creating an SmartCard HSM Backed Certificate Authority", from its first command to its last, by the built program as root; the token is
 * SoftHSM's under the name the article's device has. What the article tells its reader to verify is verified with the command it gives;
 * GnuTLS and NSS are asked too.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { installation } from '../../src/platform/installation.js';
import { openssl } from '../cli/ca/ground.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { lintCertificate } from '../rig/lint/lint.js';
import { runAs } from '../rig/run-as.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { softHsmModule } from '../rig/soft-token.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** As the article's device calls itself, and what it writes into its certificates. */
const label = 'SmartCard-HSM (UserPIN)';
const tokenUrl = 'pkcs11:token=SmartCard-HSM%20%28UserPIN%29';
const company = ['C=US', 'ST=My State', 'O=My Company', 'OU=My Company Certificate Authority'];
const dn = (cn: string) => `/${[...company, `CN=${cn}`].join('/')}`;
const shown = (cn: string) => [...company, `CN=${cn}`].map((part) => part.replace('=', ' = ')).join(', ');
const [rootName, intermediateName] = ['My Company Root CA', 'My Company Intermediate CA'];
const strict = [
  'countryName=match',
  'stateOrProvinceName=match',
  'organizationName=match',
  'organizationalUnitName=optional',
  'commonName=supplied',
  'emailAddress=optional',
];
const loose = [
  'countryName=optional',
  'stateOrProvinceName=optional',
  'localityName=optional',
  'organizationName=optional',
  'organizationalUnitName=optional',
  'commonName=supplied',
  'emailAddress=optional',
];
const policy = (fields: readonly string[]) => fields.flatMap((field) => ['--policy', field]);

const owner = ensureServiceUser();
let directory: PrivateDirectory;
let env: Record<string, string>;
let here: string[];
let onToken: string[];
const at = (...names: string[]) => path.join(directory.path, ...names);

beforeAll(() => {
  directory = privateDirectory('nitrokey');
  mkdirSync(at('tokens'), { mode: 0o700 });
  chownSync(at('tokens'), owner.uid, owner.gid);
  writeFileSync(at('softhsm2.conf'), `directories.tokendir = ${at('tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  for (const [name, pin] of [
    ['so.pin', '3537363231383830'],
    ['user.pin', '648219'],
  ] as const) {
    writeFileSync(at(name), `${pin}\n`, { mode: 0o600 });
    chownSync(at(name), owner.uid, owner.gid);
  }
  mkdirSync(at('etc'), { mode: 0o755 });
  for (const name of ['certs', 'intermediate', 'intermediate/certs', 'intermediate/csr']) mkdirSync(at(name));
  env = { SOFTHSM2_CONF: at('softhsm2.conf') };
  here = ['--config-dir', at('etc'), '--state-dir', at('state')];
  onToken = [
    '--module',
    softHsmModule,
    '--token',
    label,
    '--pin-file',
    at('user.pin'),
    '--module-env',
    `SOFTHSM2_CONF=${at('softhsm2.conf')}`,
    '--user',
    owner.name,
  ];
});
afterAll(() => {
  directory.remove();
});

function run(...args: string[]): { exitCode: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(path.join(installation().executables, 'hsmonger'), [...args, ...here], {
    env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { exitCode: status, out: stdout, err: stderr };
}
function hsmonger(...args: string[]): string {
  const { exitCode, out, err } = run(...args);
  expect(exitCode, `hsmonger ${args.join(' ')}\n${out}\n${err}`).toBe(0);
  return out;
}

/** A witness that sees the token. */
const onDevice = async (program: string, ...args: string[]) =>
  (await runAs(owner, program, args, { env: { ...env, GNUTLS_PIN: '648219' }, cwd: '/' })).stdout;
const p11tool = (...args: string[]) => onDevice('p11tool', '--provider', softHsmModule, '--login', ...args);
/** One private key or certificate as `pkcs11-tool -O` shows it. */
const objects = async (kind: 'Private Key' | 'Certificate') =>
  (await onDevice('pkcs11-tool', '--module', softHsmModule, '--token-label', label, '--login', '--pin', '648219', '-O'))
    .split(/^(?=\S)/mu)
    .filter((object) => object.startsWith(`${kind} Object`));
const text = (file: string) => openssl('x509', '-noout', '-text', '-in', file);
const days = (file: string) => {
  const [from, to] = ['-startdate', '-enddate'].map((which) =>
    Date.parse(openssl('x509', '-noout', which, '-in', file).split('=')[1] ?? ''),
  );
  return Math.round(((to ?? NaN) - (from ?? NaN)) / 86_400_000);
};
/** The names of the extensions, in alphabetical order, `critical` behind those that are. */
const extensions = (file: string) =>
  [...text(file).matchAll(/^ {12}(?:X509v3 )?(\S[^:\n]*): ?(critical)?\s*$/gmu)]
    .map(([, name, critical]) => `${name ?? ''}${critical === undefined ? '' : ' critical'}`)
    .sort();
/** "Verify that Signature-Algorithm matches above and below." */
const signatureAlgorithms = (file: string) => [...text(file).matchAll(/Signature Algorithm: (\S+)/gu)].map(([, name]) => name);
const identifier = (file: string, which: 'Subject' | 'Authority') =>
  new RegExp(`X509v3 ${which} Key Identifier:[^\n]*\n\\s+(?:keyid:)?([0-9A-F:]+)`, 'u').exec(text(file))?.[1];

const root = () => at('certs', 'root.crt');
const intermediate = () => at('intermediate', 'certs', 'intermediate.crt');
const server = () => at('server_cert.crt');

describe('Prepping to Start', () => {
  it('a blank device gets its name and both PINs', async () => {
    expect(hsmonger('token', 'init', ...onToken, '--so-pin-file', at('so.pin'))).toContain(`Token '${label}'`);
    expect(await onDevice('pkcs11-tool', '--module', softHsmModule, '-L')).toMatch(
      /token label +: SmartCard-HSM \(UserPIN\)\n[^]*token flags +: .*PIN initialized/u,
    );
  });
});

describe('Deciding your level of paranoia', () => {
  it.each([
    ['EC:secp384r1', 'root', 'EC 384', 'Private key (EC/ECDSA-SECP384R1)'],
    ['EC:secp256r1', 'less paranoid', 'EC 256', 'Private key (EC/ECDSA-SECP256R1)'],
    ['rsa:4096', 'least paranoid', 'RSA 4096', 'Private key (RSA-4096)'],
  ])('%s: the key is made on the device, and cannot leave it', async (type, name, size, byGnutls) => {
    const said = hsmonger('token', 'keygen', ...onToken, '--type', type, '--label', name);
    expect(said).toContain(`Private key: ${size}\n  label:  ${name}\n`);
    const id = /ID: +(\w+)/u.exec(said)?.[1] ?? '';
    const [object = ''] = (await objects('Private Key')).filter((one) => one.includes(`label:      ${name}\n`));
    expect(object).toContain(`ID:         ${id}\n`);
    expect(object).toMatch(/Usage: +sign\n\s+Access: +sensitive, always sensitive, never extract/u);
    expect(await p11tool('--list-all', /URL: +(\S+)/u.exec(said)?.[1] ?? '')).toContain(`Type: ${byGnutls}\n`);
  });
});

describe('Creating the Root Certificate Authority', () => {
  it('one command stands in for create_root_cert.ini and openssl req -x509', async () => {
    const said = hsmonger(
      'ca',
      'init-root',
      '--instance',
      'root',
      ...onToken,
      '--subject',
      dn(rootName),
      '--key',
      'root',
      '--digest',
      'sha512',
      '--days',
      '3650',
      ...policy(strict),
    );
    expect(said).toContain('made the root');
    writeFileSync(root(), hsmonger('token', 'export-cert', '--instance', 'root', 'root'));
    // No second key was made for it.
    expect((await objects('Private Key')).filter((one) => one.includes('label:      root\n'))).toHaveLength(1);
  });

  it('openssl x509 -text shows what the article tells its reader to verify', async () => {
    expect(signatureAlgorithms(root())).toEqual(['ecdsa-with-SHA512', 'ecdsa-with-SHA512']);
    expect(text(root())).toContain(`Issuer: ${shown(rootName)}\n`);
    expect(text(root())).toContain(`Subject: ${shown(rootName)}\n`);
    expect(text(root())).toMatch(
      /Version: 3 \(0x2\)[^]*Public Key Algorithm: id-ecPublicKey\s+Public-Key: \(384 bit\)[^]*ASN1 OID: secp384r1\s+NIST CURVE: P-384/u,
    );
    expect(days(root())).toBe(3650);
    // [ v3_ca ]
    expect(extensions(root())).toEqual([
      'Authority Key Identifier',
      'Basic Constraints critical',
      'Key Usage critical',
      'Subject Key Identifier',
    ]);
    expect(text(root())).toMatch(/Basic Constraints: critical\s+CA:TRUE\n/u);
    expect(text(root())).toMatch(/Key Usage: critical\s+Digital Signature, Certificate Sign, CRL Sign\n/u);
    const ids = (await objects('Private Key')).map((one) => /ID: +(\w+)/u.exec(one)?.[1]?.toUpperCase());
    expect(ids).toContain(identifier(root(), 'Subject')?.replace(/:/gu, ''));
    expect(identifier(root(), 'Authority')).toBe(identifier(root(), 'Subject'));
  });
});

describe('Creating the Intermediate Certificate Authority', () => {
  it("p11tool's URL of a key, ';;' and the padding's %00 too, names it", async () => {
    hsmonger('token', 'keygen', ...onToken, '--type', 'EC:secp384r1', '--label', 'intermediate');
    const listed = await p11tool('--list-all', '--only-urls', tokenUrl);
    const urls = listed.split('\n').filter((url) => /;object=(?:root|intermediate);type=private$/u.test(url));
    expect(urls).toHaveLength(2);
    for (const url of urls) {
      const asInTheArticle = url.replace(/;manufacturer=[^;]*/u, ';').replace(/(;token=[^;]*)/u, `$1${'%00'.repeat(9)}`);
      expect(asInTheArticle).toMatch(/^pkcs11:model=[^;]+;;serial=\w+;token=SmartCard-HSM%20%28UserPIN%29(?:%00){9};id=/u);
      for (const spelling of [url, asInTheArticle]) {
        const found = JSON.parse(
          hsmonger(
            'token',
            'keys',
            spelling,
            '--json',
            '--module',
            softHsmModule,
            '--pin-file',
            at('user.pin'),
            '--module-env',
            `SOFTHSM2_CONF=${at('softhsm2.conf')}`,
            '--user',
            owner.name,
          ),
        ) as { label: string; kind: string }[];
        expect(found.map((key) => [key.label, key.kind])).toEqual([[/object=(\w+)/u.exec(url)?.[1], 'private']]);
      }
    }
  });

  it('the request, where the root is somewhere else, is what openssl req -verify wants', () => {
    const csr = at('intermediate', 'csr', 'intermediate.csr');
    hsmonger(
      'ca',
      'csr',
      '--instance',
      'elsewhere',
      ...onToken,
      '--subject',
      dn('My Company Other CA'),
      '--key-type',
      'EC:secp384r1',
      '--digest',
      'sha512',
      '--path-length',
      '0',
      '--out',
      csr,
    );
    const { stdout, stderr } = spawnSync('openssl', ['req', '-text', '-noout', '-verify', '-in', csr], { encoding: 'utf8' });
    expect(stdout + stderr).toMatch(/verify OK/u);
    expect(stdout).toContain(`Subject: ${shown('My Company Other CA')}\n`);
    expect(stdout).toMatch(
      /Version: 1 \(0x0\)[^]*id-ecPublicKey\s+Public-Key: \(384 bit\)[^]*NIST CURVE: P-384[^]*Signature Algorithm: ecdsa-with-SHA512/u,
    );
  });

  it('policy_strict: what does not match the root is not signed', () => {
    const refused = (subject: string) => run('ca', 'issue', '--instance', 'root', '--profile', 'sub-ca', '--in', requestBy(subject));
    expect(refused('/C=US/ST=My State/O=Another Company/CN=x')).toMatchObject({
      exitCode: 1,
      out: '',
      err: expect.stringMatching(/organizationName 'Another Company', which must be the CA's own, 'My Company'/u) as string,
    });
    expect(refused('/C=US/O=My Company/CN=x')).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/has no stateOrProvinceName/u) as string,
    });
    expect(refused('/C=US/ST=My State/O=My Company/OU=x')).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/has no commonName/u) as string,
    });
  });

  it('one command stands in for two configuration files, the request and openssl ca, its key named by the URL of the article', async () => {
    const [url = ''] = (await p11tool('--list-all', '--only-urls', `${tokenUrl};object=intermediate;type=private`)).trim().split('\n');
    const key = url.replace(/;manufacturer=[^;]*/u, ';').replace(/(;token=[^;]*)/u, '$1%00');
    const said = hsmonger(
      'ca',
      'init-intermediate',
      '--instance',
      'intermediate',
      '--issuer',
      'root',
      '--subject',
      dn(intermediateName),
      '--key',
      key,
      '--digest',
      'sha512',
      '--path-length',
      '0',
      '--days',
      '1825',
      ...policy(loose),
      '--authority-key-id',
      'key-and-issuer',
      '--ns-cert-type',
      '--ns-comment',
      'OpenSSL Generated Server Certificate',
    );
    expect(said).toContain('made the CA');
    writeFileSync(intermediate(), hsmonger('ca', 'show', '--instance', 'intermediate', '--nickname', 'intermediate', '--pem'));
  });

  it('openssl x509 -text and openssl verify', () => {
    expect(signatureAlgorithms(intermediate())).toEqual(['ecdsa-with-SHA512', 'ecdsa-with-SHA512']);
    expect(text(intermediate())).toContain(`Issuer: ${shown(rootName)}\n`);
    expect(text(intermediate())).toContain(`Subject: ${shown(intermediateName)}\n`);
    expect(days(intermediate())).toBe(1825);
    // [ v3_intermediate_ca ]
    expect(extensions(intermediate())).toEqual([
      'Authority Key Identifier',
      'Basic Constraints critical',
      'Key Usage critical',
      'Subject Key Identifier',
    ]);
    expect(text(intermediate())).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0\n/u);
    expect(text(intermediate())).toMatch(/Key Usage: critical\s+Digital Signature, Certificate Sign, CRL Sign\n/u);
    expect(identifier(intermediate(), 'Authority')).toBe(identifier(root(), 'Subject'));
    expect(openssl('verify', '-CAfile', root(), intermediate())).toBe(`${intermediate()}: OK\n`);
  });

  it('the chain is `cat intermediate.crt root.crt`', () => {
    hsmonger('ca', 'chain', '--instance', 'intermediate', '--out', at('intermediate', 'certs', 'chain.crt'));
    expect(readFileSync(at('intermediate', 'certs', 'chain.crt'), 'utf8')).toBe(
      execFileSync('cat', [intermediate(), root()], { encoding: 'utf8' }),
    );
  });
});

/** A request "in the normal method for your application". */
function requestBy(subject: string, file = at('request.csr')): string {
  openssl('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${file}.key`, '-subj', subject, '-out', file);
  return file;
}

describe('Sign a Server Certificate', () => {
  it('one command stands in for sign_server_csrs.ini and openssl ca', () => {
    const csr = requestBy('/CN=media/OU=media/O=My Company/ST=My State/C=US', at('server_cert.csr'));
    hsmonger('ca', 'issue', '--instance', 'intermediate', '--profile', 'server', '--days', '375', '--in', csr, '--out', server());
    expect(openssl('x509', '-noout', '-pubkey', '-in', server())).toBe(openssl('req', '-noout', '-pubkey', '-in', csr));
  });

  it('[ server_cert ], extension by extension', () => {
    expect(signatureAlgorithms(server())).toEqual(['ecdsa-with-SHA512', 'ecdsa-with-SHA512']);
    expect(days(server())).toBe(375);
    // policy_loose puts the fields into its order, as openssl ca does.
    expect(text(server())).toMatch(/Subject: C = US, ST = My State, O = My Company, OU = media, CN = media\n/u);
    const said = text(server());
    // Critical here; the article's is not.
    expect(said).toMatch(/Basic Constraints: critical\s+CA:FALSE\n/u);
    expect(said).toMatch(/Netscape Cert Type: \n?\s*SSL Server\n/u);
    expect(said).toMatch(/Netscape Comment: \n?\s*OpenSSL Generated Server Certificate\n/u);
    expect(said).toMatch(/Key Usage: critical\s+Digital Signature, Key Encipherment\n/u);
    expect(said).toMatch(/Extended Key Usage: \n?\s*TLS Web Server Authentication\n/u);
    expect(identifier(server(), 'Authority')).toBe(identifier(intermediate(), 'Subject'));
    const serial = openssl('x509', '-noout', '-serial', '-in', intermediate()).trim().split('=')[1]?.match(/../gu)?.join(':') ?? '';
    expect(said).toContain(`DirName:${dn(rootName)}\n                serial:${serial}\n`);
    // The article's, and the name that servers are looked for by since; a common name of one word is a host's name.
    expect(extensions(server())).toEqual([
      'Authority Key Identifier',
      'Basic Constraints critical',
      'Extended Key Usage',
      'Key Usage critical',
      'Netscape Cert Type',
      'Netscape Comment',
      'Subject Alternative Name',
      'Subject Key Identifier',
    ]);
  });

  it('ca show says the same', () => {
    const serial = openssl('x509', '-noout', '-serial', '-in', server()).trim().split('=')[1]?.toLowerCase() ?? '';
    expect(hsmonger('ca', 'show', serial, '--instance', 'intermediate')).toMatch(
      /netscapeCertType: +server\n[^]*netscapeComment: +OpenSSL Generated Server Certificate\n/u,
    );
  });

  it('openssl, GnuTLS and NSS build the chain and accept the server', () => {
    const chain = at('intermediate', 'certs', 'chain.crt');
    expect(openssl('verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', root(), '-untrusted', intermediate(), server())).toBe(
      `${server()}: OK\n`,
    );
    const whole = at('whole.crt');
    writeFileSync(whole, execFileSync('cat', [server(), chain]));
    expect(
      execFileSync('certtool', ['--verify', '--verify-purpose=1.3.6.1.5.5.7.3.1', '--load-ca-certificate', root(), '--infile', whole], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    ).toMatch(/Chain verification output: Verified\. The certificate is trusted\./u);
    mkdirSync(at('nss'));
    const certutil = (...args: string[]) => execFileSync('certutil', [...args, '-d', `sql:${at('nss')}`], { encoding: 'utf8' });
    certutil('-N', '--empty-password');
    certutil('-A', '-n', 'root', '-t', 'CT,C,C', '-i', root());
    certutil('-A', '-n', 'intermediate', '-t', ',,', '-i', intermediate());
    certutil('-A', '-n', 'media', '-t', ',,', '-i', server());
    for (const [nickname, usage] of [
      ['root', 'L'],
      ['intermediate', 'L'],
      ['media', 'V'],
    ] as const)
      expect(certutil('-V', '-n', nickname, '-u', usage)).toContain('certificate is valid');
    const vfychain = spawnSync('vfychain', ['-d', `sql:${at('nss')}`, '-u', '1', '-p', '-a', server()], { encoding: 'utf8' });
    expect(vfychain.stdout + vfychain.stderr).toContain('Chain is good!');
  });

  it('the strict judges have nothing against any of the three', async () => {
    for (const [file, issuer] of [
      [root(), root()],
      [intermediate(), root()],
      [server(), intermediate()],
    ] as const)
      expect(await lintCertificate(readFileSync(file, 'utf8'), readFileSync(issuer, 'utf8'))).toEqual([]);
  });

  it('index.txt, which the article made by hand, has what was issued', () => {
    hsmonger('ca', 'export-openssl', at('moved'), '--instance', 'intermediate');
    expect(readFileSync(at('moved', 'index.txt'), 'utf8')).toMatch(
      /^V\t\d{12}Z\t\t[0-9A-F]+\tunknown\t\/C=US\/ST=My State\/O=My Company\/OU=media\/CN=media\n$/u,
    );
    expect(existsSync(at('moved', 'serial'))).toBe(true);
  });
});
