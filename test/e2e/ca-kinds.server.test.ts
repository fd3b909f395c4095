/**
 * CAs of other kinds in certmonger's hands: P-384 with SHA-512 and an intermediate on a token of its own, whose certificate the root's
 * instance renews there; RSA that signs with PSS. Real certmonger; openssl is the judge.
 */
import { X509Certificate } from 'node:crypto';
import { appendFileSync, copyFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openssl, tokenFlags } from '../cli/ca/ground.js';
import { lintCertificate } from '../rig/lint/lint.js';
import { runAs } from '../rig/run-as.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';
import { extensionsOf, lifetimeOf, startOwnCaHost, type OwnCaHost } from './own-ca.js';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

let host: OwnCaHost;
let issuing: SoftToken;
const at = (name: string) => path.join(host.ground.directory, name);
const text = (file: string) => openssl('x509', '-in', file, '-noout', '-text');
const lint = (file: string, issuer: string) => lintCertificate(readFileSync(file, 'utf8'), readFileSync(issuer, 'utf8'));
const ends = (file: string) => Date.parse(new X509Certificate(readFileSync(file)).validTo);

beforeAll(async () => {
  host = await startOwnCaHost('root token');
  issuing = await createSoftToken({ directory: host.ground.directory, label: 'issuing', pin: 'other-pin-99', beside: host.ground.token });
});
afterAll(() => host.stop());

/** The certificate of a label on the intermediate's token, as a file. */
async function onIssuing(label: string, name: string): Promise<string> {
  const { stdout } = await runAs(
    host.ground.owner,
    'p11tool',
    ['--provider', issuing.module, '--export-chain', `pkcs11:token=issuing;object=${label};type=cert`],
    { env: issuing.environment, cwd: '/' },
  );
  return host.ground.file(name, `${/-----BEGIN[^]+?-----END CERTIFICATE-----/u.exec(stdout)?.[0] ?? ''}\n`);
}

async function track(instance: string, name: string, days: number): Promise<void> {
  openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', at(`${name}.key`));
  openssl('req', '-new', '-key', at(`${name}.key`), '-subj', `/CN=${name}.example.test`, '-out', at(`${name}.csr`));
  await host.cli('ca', 'issue', '--instance', instance, '--in', at(`${name}.csr`), '--out', at(`${name}.crt`), '--days', String(days));
  copyFileSync(at(`${name}.crt`), at(`${name}-before.crt`));
  appendFileSync(
    path.join(host.ground.config, `${instance}.toml`),
    `\n[[certificate]]\nnickname = "${name}"\nprofile = "caServerCert"\ndays = ${String(days)}\ncertificate-file = "${at(`${name}.crt`)}"\nkey-file = "${at(`${name}.key`)}"\n`,
  );
}

describe('P-384, an intermediate on another token', () => {
  it('is made, and everything is handed to certmonger', async () => {
    await host.cli(
      'ca',
      'init-root',
      '--instance',
      'root',
      ...host.ground.onToken,
      '--subject',
      'CN=Root,O=My Company',
      '--key-type',
      'EC:secp384r1',
      '--digest',
      'sha512',
      // Past 2049 its end is a GeneralizedTime (RFC 5280 §4.1.2.5), and its renewal's.
      '--days',
      '12000',
    );
    await host.cli(
      'ca',
      'init-intermediate',
      '--instance',
      'issuing',
      '--issuer',
      'root',
      ...tokenFlags(issuing),
      '--subject',
      'CN=Issuing CA,O=My Company',
      '--key-type',
      'EC:secp384r1',
      '--digest',
      'sha512',
      '--days',
      '700',
    );
    await track('issuing', 'www', 90);
    await host.cli('setup', '--instance', 'root', '--yes');
    await host.cli('setup', '--instance', 'issuing', '--yes');
    await host.untilMonitoring(3);
  });

  it('the root renews the intermediate on its own token: key, extensions and the days that were asked', async () => {
    const before = await onIssuing('issuing', 'issuing-before.pem');
    expect(lifetimeOf(before)).toBe(700);
    await sleep(1100);
    await host.cli('renew', '--instance', 'root', 'root', 'issuing', '--wait', '150');
    await host.untilMonitoring(3);
    const [root, after] = [
      host.ground.file('root.pem', await host.ground.certificate('root')),
      await onIssuing('issuing', 'issuing-after.pem'),
    ];
    expect(ends(after)).toBeGreaterThan(ends(before));
    expect(lifetimeOf(after)).toBe(700);
    expect(extensionsOf(after)).toBe(extensionsOf(before));
    expect(text(after)).toContain('Signature Algorithm: ecdsa-with-SHA512');
    expect(new X509Certificate(readFileSync(after)).publicKey.equals(new X509Certificate(readFileSync(before)).publicKey)).toBe(true);
    expect(openssl('verify', '-x509_strict', '-CAfile', root, after)).toContain(': OK');
    expect(new Date(ends(root)).getUTCFullYear()).toBeGreaterThan(2049);
    expect(lifetimeOf(root)).toBe(12_000);
    expect([await lint(root, root), await lint(after, root)]).toEqual([[], []]);
  });

  it('and the intermediate what it issued, with the chain that is on its token; run again, init-intermediate stores the root renewed there', async () => {
    await host.cli('renew', '--instance', 'issuing', 'www', '--wait', '100');
    await host.untilMonitoring(3);
    expect(ends(at('www.crt'))).toBeGreaterThan(ends(at('www-before.crt')));
    expect(extensionsOf(at('www.crt'))).toBe(extensionsOf(at('www-before.crt')));
    expect(lifetimeOf(at('www.crt'))).toBe(90);
    expect(openssl('verify', '-x509_strict', '-CAfile', at('root.pem'), '-untrusted', at('issuing-after.pem'), at('www.crt'))).toContain(
      ': OK',
    );
    expect(await lint(at('www.crt'), at('issuing-after.pem'))).toEqual([]);
    const rootBeside = async (name: string) => {
      await host.cli('ca', 'chain', '--instance', 'issuing', '--out', at(name));
      return new X509Certificate(readFileSync(at(name), 'utf8').split(/(?<=-----END CERTIFICATE-----\n)/u)[1]!).serialNumber;
    };
    const renewed = new X509Certificate(readFileSync(at('root.pem'))).serialNumber;
    expect(await rootBeside('chain-1.pem')).not.toBe(renewed);
    await host.cli('ca', 'init-intermediate', '--instance', 'issuing', '--issuer', 'root');
    expect(await rootBeside('chain-2.pem')).toBe(renewed);
  });
});

describe('RSA that signs with PSS', () => {
  it('renews itself and what it issued', async () => {
    await host.cli(
      'ca',
      'init-root',
      '--instance',
      'pss',
      ...host.ground.onToken,
      '--subject',
      'CN=PSS Root,O=My Company',
      '--key-type',
      'rsa:2048',
      '--rsa-signature',
      'pss',
      '--digest',
      'sha384',
    );
    await track('pss', 'mail', 90);
    const before = host.ground.file('pss-before.pem', await host.ground.certificate('pss'));
    await host.cli('setup', '--instance', 'pss', '--yes');
    await host.untilMonitoring(5);
    await sleep(1100);
    await host.cli('renew', '--instance', 'pss', 'pss', 'mail', '--wait', '150');
    await host.untilMonitoring(5);
    const after = host.ground.file('pss-after.pem', await host.ground.certificate('pss'));
    for (const [was, is] of [
      [before, after],
      [at('mail-before.crt'), at('mail.crt')],
    ] as const) {
      expect(ends(is)).toBeGreaterThan(ends(was));
      expect(extensionsOf(is)).toBe(extensionsOf(was));
      expect(text(is)).toMatch(/Signature Algorithm: rsassaPss\s+Hash Algorithm: sha384/u);
      expect(openssl('verify', '-x509_strict', '-CAfile', after, is)).toContain(': OK');
      expect(await lint(is, after)).toEqual([]);
    }
  });
});
