/** Certificates with EC keys, under an EC and under an RSA CA, through the real certmonger: `setup`, then nobody types anything. */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CertificateSpec } from '../rig/authority.js';
import { startSite, type Site } from '../rig/site.js';

const leaves: readonly CertificateSpec[] = [
  { nickname: 'ocsp 256', profile: 'caOCSPCert', curve: 'P-256' },
  { nickname: 'audit 384', profile: 'caSignedLogCert', curve: 'P-384' },
  { nickname: 'subsystem 521', profile: 'caSubsystemCert', curve: 'P-521' },
];

describe.each([
  ['a P-384 CA', { nickname: 'root', profile: 'caCACert', curve: 'P-384', digest: 'SHA-384' }],
  ['an RSA CA', { nickname: 'root', profile: 'caCACert' }],
] as const)('EC certificates of %s', (_of, ca) => {
  let site: Site;
  let keysBefore: string[];

  beforeAll(async () => {
    site = await startSite({ authority: { certificates: [ca, ...leaves] } });
    keysBefore = await site.privateKeys();
    await site.setUp();
  });
  afterAll(async () => {
    await site.stop();
  });

  it("are tracked with the curve's own size, and renewed by certmonger, the CA first", async () => {
    await site.untilRenewed(120_000);
    await site.untilQuiet(60_000);
    expect(await site.privateKeys()).toEqual(keysBefore);
  }, 240_000);

  it('are later certificates of the same keys that openssl and certutil accept; the CA is still one', async () => {
    const [root] = await site.onToken('root');
    const rootFile = path.join(site.directory, 'root.pem');
    writeFileSync(rootFile, root!);
    for (const old of site.authority.certificates) {
      const found = await site.onToken(old.nickname);
      expect(found, old.nickname).toHaveLength(1);
      const [was, is] = [new X509Certificate(old.pem), new X509Certificate(found[0]!)];
      expect(is.publicKey.equals(was.publicKey)).toBe(true);
      expect(Date.parse(is.validTo)).toBeGreaterThan(Date.parse(was.validTo));
      expect(is.ca).toBe(old.nickname === 'root');
      const file = path.join(site.directory, 'leaf.pem');
      writeFileSync(file, found[0]!);
      expect(execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', rootFile, file], { encoding: 'utf8' })).toContain(': OK');
    }
  });

  it('are not given new keys by a resubmit, nor planned to be changed', async () => {
    expect(await site.cli('track', 'plan')).toMatchObject({ exitCode: 0 });
    const renewed = await site.cli('renew', 'ocsp 256', '--wait', '60');
    expect(renewed, renewed.stdout + renewed.stderr).toMatchObject({ exitCode: 0 });
    await site.untilQuiet(60_000);
    expect(await site.privateKeys()).toEqual(keysBefore);
  });
});
