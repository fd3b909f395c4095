/**
 * What `ca issue` issues, in certmonger's hands on the same host: in files and on the token, under the instance file and under a plain
 * `getcert start-tracking`. Every renewal keeps key, subject and extensions, lasts as long as was asked, and the chain verifies. Real
 * certmonger; the witnesses are getcert and openssl.
 */
import { X509Certificate } from 'node:crypto';
import { appendFileSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectCertmonger } from '../../dbus/certmonger.js';
import { openssl } from '../cli/ca/ground.js';
import { getcert, getcertRecords } from '../rig/certmonger.js';
import { lintCertificate } from '../rig/lint/lint.js';
import { extensionsOf, lifetimeOf, startOwnCaHost, type OwnCaHost } from './own-ca.js';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

let host: OwnCaHost;
const at = (name: string) => path.join(host.ground.directory, name);
const onToken = async (nickname: string, file: string) => host.ground.file(file, await host.ground.certificate(nickname));

beforeAll(async () => {
  host = await startOwnCaHost();
  const { cli, ground } = host;
  await cli(
    'ca',
    'init-root',
    '--instance',
    'root',
    ...ground.onToken,
    '--subject',
    '/C=US/O=My Company, Inc./CN=Root',
    '--key-type',
    'rsa:2048',
    '--days',
    '3650',
  );
  await cli(
    'ca',
    'init-intermediate',
    '--instance',
    'sub',
    '--issuer',
    'root',
    '--subject',
    '/C=US/O=My Company, Inc./CN=Intermediate Ü',
    '--key-type',
    'rsa:2048',
    '--days',
    '900',
    '--crl-url',
    'http://crl.example.test/sub.crl',
    '--ocsp-url',
    'http://ocsp.example.test/',
    '--issuer-url',
    'http://crl.example.test/sub.crt',
    '--authority-key-id',
    'key-and-issuer',
  );
  const file = path.join(ground.config, 'sub.toml');
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(
      '[ca]\n',
      '[ca]\nns-cert-type = true\nns-comment = "Issued by My Company, Inc."\npolicies = ["1.3.6.1.4.1.99999.1"]\n',
    ),
  );
});
afterAll(() => host.stop());

/** A key and a request for it, by openssl. */
function request(name: string, key: readonly string[], subject: string, ...more: string[]): void {
  openssl('genpkey', ...key, '-out', at(`${name}.key`));
  openssl('req', '-new', '-utf8', '-key', at(`${name}.key`), '-subj', subject, '-out', at(`${name}.csr`), ...more);
}

const kept = ['www', 'client', 'plain', 'tls', 'ocsp'] as const;
const lasting: Readonly<Record<(typeof kept)[number], number>> = { www: 200, client: 100, plain: 300, tls: 150, ocsp: 60 };
const inFiles = new Set<string>(['www', 'client', 'plain']);
const now = async (name: (typeof kept)[number], suffix = '') =>
  inFiles.has(name)
    ? (copyFileSync(at(`${name}.crt`), at(`${name}${suffix}.pem`)), at(`${name}${suffix}.pem`))
    : onToken(name, `${name}${suffix}.pem`);

/**
 * As the agent does where one runs: certmonger would ask for the certificate's Netscape type, and spoil its child's heap (docs/track.md).
 */
async function spare(id: string): Promise<void> {
  const client = await connectCertmonger(host.bus.address);
  try {
    await client.request(id).omitNetscapeType();
  } finally {
    client.disconnect();
  }
}

describe('certificates of the CA on its own host', () => {
  it('are issued for requests in files and for keys on the token, of RSA and P-256', async () => {
    const { cli } = host;
    request(
      'www',
      ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
      '/C=US/O=Größe, Maß & Söhne/OU=a;b+c/CN=www.example.test',
      '-addext',
      'subjectAltName=DNS:www.example.test,DNS:*.example.test,IP:192.0.2.7,IP:2001:db8::7,URI:https://www.example.test/x',
    );
    request(
      'client',
      ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
      '/O=My Company, Inc./CN=Jane Doe/emailAddress=jane@example.test',
    );
    request('plain', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], '/CN=plain.example.test');
    await cli('ca', 'issue', '--instance', 'sub', '--in', at('www.csr'), '--out', at('www.crt'), '--days', '200');
    await cli(
      'ca',
      'issue',
      '--instance',
      'sub',
      '--profile',
      'client',
      '--in',
      at('client.csr'),
      '--out',
      at('client.crt'),
      '--days',
      '100',
    );
    await cli('ca', 'issue', '--instance', 'sub', '--in', at('plain.csr'), '--out', at('plain.crt'), '--days', '300');
    await cli(
      'ca',
      'issue',
      '--instance',
      'sub',
      '--profile',
      'server',
      '--subject',
      'CN=tls.example.test,O=My Company\\, Inc.',
      '--key-type',
      'rsa:2048',
      '--nickname',
      'tls',
      '--days',
      '150',
    );
    await cli(
      'ca',
      'issue',
      '--instance',
      'sub',
      '--profile',
      'ocsp',
      '--subject',
      'CN=OCSP,O=My Company\\, Inc.',
      '--key-type',
      'P-256',
      '--nickname',
      'ocsp',
      '--days',
      '60',
    );
    await cli('ca', 'chain', '--instance', 'sub', '--out', at('chain.pem'));
    for (const name of kept) {
      const file = await now(name);
      expect(lifetimeOf(file), name).toBe(lasting[name]);
      expect(extensionsOf(file), name).toMatch(/Issued by My Company, Inc\.[^]*|Authority Key Identifier:[^]*serial:/u);
      expect(extensionsOf(file), name).toContain('Policy: 1.3.6.1.4.1.99999.1');
      expect(openssl('verify', '-x509_strict', '-CAfile', at('chain.pem'), file), name).toContain(': OK');
    }
  });

  it('are handed to certmonger by the instance file, with how long each is to last, or by getcert alone', async () => {
    const table = (name: 'www' | 'client' | 'tls' | 'ocsp', profile: string) =>
      `\n[[certificate]]\nnickname = "${name}"\nprofile = "${profile}"\ndays = ${String(lasting[name])}\n${inFiles.has(name) ? `certificate-file = "${at(`${name}.crt`)}"\nkey-file = "${at(`${name}.key`)}"\n` : ''}`;
    appendFileSync(
      path.join(host.ground.config, 'sub.toml'),
      [table('www', 'caServerCert'), table('client', 'caUserCert'), table('tls', 'caServerCert'), table('ocsp', 'caOCSPCert')].join(''),
    );
    await host.cli('setup', '--instance', 'root', '--yes');
    await host.cli('setup', '--instance', 'sub', '--yes');
    await getcert(host.bus, ['start-tracking', '-c', 'sub', '-I', 'plain', '-f', at('plain.crt'), '-k', at('plain.key')]);
    await spare('plain');
    await host.untilMonitoring(7);
    const client = await connectCertmonger(host.bus.address);
    const types = (await client.listRequests()).map(({ template }) => template.netscapeType);
    client.disconnect();
    // Of every certificate that has a type (an OCSP responder's and CAs' have none), certmonger asks for none.
    expect(types.filter((type) => type !== undefined)).toEqual(Array.from({ length: 4 }, () => 'none'));
  });

  it('are renewed with key, subject and extensions as they were, for as long as was asked', async () => {
    const before = new Map<string, string>();
    for (const name of kept) before.set(name, await now(name, '-before'));
    // Seconds count in a validity.
    await sleep(1100);
    await host.cli('renew', '--instance', 'sub', 'www', 'client', 'tls', 'ocsp', '--wait', '150');
    // start-tracking cannot say what the key is, and certmonger would take RSA 2048 for wanted and make one (tdbush.c:1343).
    await getcert(host.bus, ['resubmit', '-i', 'plain', '-G', 'EC', '-g', '256', '-w']);
    await host.untilMonitoring(7);
    expect(
      [...(await getcertRecords(host.bus)).values()].map((record) => record.get('ca-error')).filter((error) => error !== undefined),
    ).toEqual([]);
    for (const name of kept) {
      const [old, file] = [before.get(name)!, await now(name, '-after')];
      const [was, is] = [old, file].map((pem) => new X509Certificate(readFileSync(pem)));
      expect(is!.serialNumber, name).not.toBe(was!.serialNumber);
      expect(is!.publicKey.equals(was!.publicKey), name).toBe(true);
      expect(
        Buffer.from(openssl('x509', '-in', file, '-noout', '-subject', '-nameopt', 'RFC2253,show_type')).equals(
          Buffer.from(openssl('x509', '-in', old, '-noout', '-subject', '-nameopt', 'RFC2253,show_type')),
        ),
        name,
      ).toBe(true);
      // What names one certificate of the CA, which the CA's own renewal replaces, is left out (RFC 5280 §4.2.1.1).
      const named = /\n +DirName:[^\n]*\n +serial:[^\n]*/u;
      expect(extensionsOf(old), name).toMatch(named);
      expect(extensionsOf(file), name).toBe(extensionsOf(old).replace(named, '').replace('keyid:', ''));
      expect(Date.parse(is!.validTo), name).toBeGreaterThan(Date.parse(was!.validTo));
      // getcert's own has no entry in the instance file: the profile's days, which the CA's end cuts off.
      expect(lifetimeOf(file), name).toBe(name === 'plain' ? 720 : lasting[name]);
      expect(openssl('verify', '-x509_strict', '-CAfile', at('chain.pem'), file), name).toContain(': OK');
      expect(await lintCertificate(readFileSync(file, 'utf8'), await host.ground.certificate('sub')), name).toEqual([]);
    }
  });

  it('go on under the CA renewed, whose own days are kept: what its end cut off gets its full time', async () => {
    const file = path.join(host.ground.config, 'sub.toml');
    expect(readFileSync(path.join(host.ground.config, 'root.toml'), 'utf8')).toMatch(
      /nickname = "sub"\nprofile = "caCACert"\ndays = 900\n/u,
    );
    writeFileSync(file, readFileSync(file, 'utf8').replace('days = 150', 'days = 2000'));
    await host.cli('renew', '--instance', 'sub', 'tls', '--wait', '100');
    const ends = (pem: string) => Date.parse(new X509Certificate(readFileSync(pem)).validTo);
    const old = await onToken('sub', 'sub-before.pem');
    expect(ends(await now('tls', '-capped'))).toBe(ends(old));
    // The intermediate itself is no longer than it was asked to be, though the root would give it 3650 days.
    await sleep(1100);
    await host.cli('renew', '--instance', 'root', 'sub', '--wait', '100');
    await host.untilMonitoring(7);
    const sub = await onToken('sub', 'sub-after.pem');
    expect(ends(sub)).toBeGreaterThan(ends(old));
    expect(lifetimeOf(sub)).toBe(900);
    expect(await lintCertificate(readFileSync(sub, 'utf8'), await host.ground.certificate('root'))).toEqual([]);
    await host.cli('renew', '--instance', 'sub', 'tls', '--wait', '100');
    await host.untilMonitoring(7);
    expect(ends(await now('tls', '-again'))).toBe(ends(sub));
    await host.cli('ca', 'chain', '--instance', 'sub', '--out', at('chain-2.pem'));
    for (const name of kept)
      expect(openssl('verify', '-x509_strict', '-CAfile', at('chain-2.pem'), await now(name, '-last')), name).toContain(': OK');
    expect([...(await getcertRecords(host.bus)).values()].every((record) => record.get('ca-error') === undefined)).toBe(true);
    expect(host.certmonger.log()).not.toMatch(/^(?:free\(\): |corrupted size |double free |malloc\(\): |munmap_chunk\(\): )/mu);
  });
});
