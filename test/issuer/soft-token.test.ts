import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tokenOf } from '../../src/config/token-of.js';
import { parseInstance } from '../../src/config/schema.js';
import { createTokenIssuer } from '../../src/issuer/token/token-issuer.js';
import type { Issued } from '../../src/issuer/issuer.js';
import { listIssued } from '../../src/ledger/issued.js';
import { openLedger } from '../../src/ledger/ledger.js';
import { openPinGuard } from '../../src/ledger/pins.js';
import { openToken } from '../../src/pkcs11/open-token.js';
import { nameText } from '../../src/x509/names/name.js';
import { parseCertificate } from '../../src/x509/parse-certificate.js';
import { csrFromPem } from '../../src/x509/pem.js';
import { createAuthority, type Authority } from '../rig/authority.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';
import { certificateText, verdict, withFile } from '../x509/openssl.js';
import { tokenIssuerOf } from './token-issuer-of.js';

const caName = 'caSigningCert cert-pki-ca';
const foreignId = 'c0ffee0badc0de';
let directory: PrivateDirectory;
let token: SoftToken;
let authority: Authority;

beforeAll(async () => {
  directory = privateDirectory('soft-issuer');
  token = await createSoftToken({ directory: directory.path });
  authority = await createAuthority(token, {
    only: {
      [caName]: {
        subjectKeyId: foreignId,
        bits: 4096,
        subject: [{ O: [{ utf8String: 'Prüfstelle, GmbH' }] }, { CN: ['Certificate Authority'], OU: ['multi-valued'] }],
      },
    },
  });
});
afterAll(() => {
  directory.remove();
});

describe('on a real token, a CA and its subordinates that all expire in 20 days', () => {
  it('renew one after the other: the subordinates wait for the CA, then every one validates', async () => {
    for (const { nickname } of authority.certificates.slice(1)) await expect(renew(nickname)).rejects.toMatchObject({ code: 'ISSUER_DUE' });

    const ca = await renew(caName);
    const oldCa = authority.certificate(caName);
    const newCa = parseCertificate(ca.certificate);
    expect(newCa).toMatchObject({
      isCa: true,
      subject: parseCertificate(oldCa.der).subject,
      spki: Uint8Array.from(oldCa.spki),
      subjectKeyId: Uint8Array.from(Buffer.from(foreignId, 'hex')),
    });
    expect(nameText(newCa.subject)).toBe('CN=Certificate Authority+OU=multi-valued,O=Prüfstelle\\, GmbH');
    expect(ca.roots).toEqual([ca.certificate]);
    expect(verdict(ca.certificate, [], ca.roots)).toMatch(/: OK$/mu);
    expect(await renew(caName)).toEqual(ca);

    store(ca.certificate, caName, oldCa.keyId);
    for (const { nickname, der } of authority.certificates.slice(1)) {
      const { certificate, chain, roots } = await renew(nickname);
      const [before, after] = [parseCertificate(der), parseCertificate(certificate)];
      expect(after).toMatchObject({
        subject: before.subject,
        spki: before.spki,
        issuer: newCa.subject,
        authorityKeyId: newCa.subjectKeyId,
        isCa: false,
      });
      expect(after.notAfter.getTime()).toBeGreaterThan(before.notAfter.getTime());
      expect(verdict(certificate, chain, roots)).toMatch(/: OK$/mu);
      expect(roots).toEqual([ca.certificate]);
      // GnuTLS is the second opinion.
      expect(
        withFile(
          Buffer.from(`-----BEGIN CERTIFICATE-----\n${Buffer.from(certificate).toString('base64')}\n-----END CERTIFICATE-----\n`),
          (file) => execFileSync('certtool', ['--certificate-info', '--infile', file]).toString(),
        ),
      ).toContain('Version: 3');
    }
    expect(certificateText((await renew('ocspSigningCert cert-pki-ca')).certificate)).toMatch(/OCSP Signing[\s\S]*OCSP No Check/u);
    const ledger = openLedger(path.join(directory.path, 'ledger.sqlite'));
    expect(
      listIssued(ledger)
        .map(({ profile }) => profile)
        .sort(),
    ).toEqual(['caCACert', 'caOCSPCert', 'caSignedLogCert', 'caSubsystemCert']);
    ledger.close();
  });
});

async function renew(nickname: string): Promise<Issued> {
  const { csr, der, profile } = authority.certificate(nickname);
  const instance = parseInstance('test', '/etc/hsmonger/test.toml', {
    token: { label: token.label, module: token.module, 'pin-file': token.pinFile, environment: token.environment },
    nss: { database: '/n' },
    issuer: { type: 'token', certificate: caName },
    certificate: authority.certificates.map((one) => ({ nickname: one.nickname, profile: one.profile })),
  });
  const ledger = openLedger(path.join(directory.path, 'ledger.sqlite'));
  const pins = openPinGuard(path.join(directory.path, 'pins.sqlite'));
  const issuer = createTokenIssuer({
    instance,
    issuer: tokenIssuerOf(instance),
    openToken: () => openToken(tokenOf(instance), { pins }),
    ledger,
    clock: () => new Date(),
    uid: 0,
  });
  try {
    return await issuer.enrol({ csr: csrFromPem(csr), oldCertificate: Uint8Array.from(der), profile });
  } finally {
    await issuer.close();
    pins.close();
    ledger.close();
  }
}

/** As certmonger does: beside the old one, which post-save removes later. */
function store(der: Uint8Array, label: string, id: string): void {
  withFile(der, (file) => {
    execFileSync(
      'pkcs11-tool',
      [
        '--module',
        token.module,
        '--token-label',
        token.label,
        '--login',
        '--pin',
        token.pin,
        '--write-object',
        file,
        '--type',
        'cert',
        '--label',
        label,
        '--id',
        id,
      ],
      { env: { ...process.env, ...token.environment }, stdio: 'pipe' },
    );
  });
}
