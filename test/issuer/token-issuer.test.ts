import { sign } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Instance } from '../../src/config/instance.js';
import type { RevocationReason } from '../../src/config/revocation-reason.js';
import { parseInstance } from '../../src/config/schema.js';
import type { Enrolment } from '../../src/issuer/issuer.js';
import { createTokenIssuer, type TokenIssuerParts } from '../../src/issuer/token/token-issuer.js';
import type { Database } from '../../src/ledger/database.js';
import { listIssued } from '../../src/ledger/issued.js';
import { openLedger } from '../../src/ledger/ledger.js';
import { endHold, revoke } from '../../src/ledger/revocation.js';
import type { Token } from '../../src/pkcs11/token.js';
import type { Certificate } from '../../src/x509/certificate.js';
import { bitString, element, integer, objectIdentifier, octetString, sequence } from '../../src/x509/der.js';
import { oids } from '../../src/x509/oids.js';
import { parseCertificate } from '../../src/x509/parse-certificate.js';
import { keyFingerprint } from '../../src/x509/public-key.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import {
  authorityKeyId,
  caConstraints,
  caExtensions,
  day,
  extendedKeyUsage,
  extension,
  hex,
  keyUsage,
  makeCertificate,
  makeCsr,
  makeKeys,
  now,
  subjectKeyId,
  usage,
  type CertificateOptions,
  type Keys,
} from '../x509/material.js';
import { certificateText, verdict } from '../x509/openssl.js';
import { fakeToken } from './fake-token.js';
import { tokenIssuerOf } from './token-issuer-of.js';

let caKeys: Keys;
let keys: Keys;
let otherKeys: Keys;
let ca: Certificate;
let directory: PrivateDirectory;
let ledger: Database;
let ledgers = 0;
const inDays = (days: number) => new Date(now.getTime() + days * day);
const caName = 'caSigningCert cert-pki-ca';
const subject = 'O=Test, CN=Leaf';

beforeAll(async () => {
  [caKeys, keys, otherKeys] = await Promise.all([makeKeys(), makeKeys(), makeKeys()]);
  ca = await makeCertificate({ keys: caKeys, notAfter: inDays(4000), extensions: caExtensions('c0ffee'.repeat(4)) });
});
beforeEach(() => {
  directory = privateDirectory('issuer');
  ledger = openLedger(path.join(directory.path, 'ledger.sqlite'));
});
afterEach(() => {
  ledger.close();
  directory.remove();
});

const instance = (issuer: object = {}): Instance =>
  parseInstance('test', '/etc/hsmonger/test.toml', {
    token: { label: 'fake', module: '/m.so', 'pin-file': '/p' },
    nss: { database: '/n' },
    issuer: { type: 'token', certificate: caName, ...issuer },
    certificate: [{ nickname: caName, profile: 'caCACert' }],
  });
const parts = (token: Token, overrides: Partial<TokenIssuerParts> = {}): TokenIssuerParts => {
  const given = { instance: instance(), openToken: () => Promise.resolve(token), ledger, clock: () => now, uid: 17, ...overrides };
  return { ...given, issuer: tokenIssuerOf(given.instance) };
};
const caToken = (overrides: Partial<Token> = {}) => fakeToken([{ label: caName, der: ca.der }], [caKeys], overrides);
const leaf = (options: Partial<CertificateOptions> = {}) =>
  makeCertificate({
    keys,
    subject,
    by: { keys: caKeys, certificate: ca },
    extensions: [extendedKeyUsage(oids.clientAuth), subjectKeyId('0badc0de')],
    ...options,
  });
const enrolment = async (old?: Certificate, profile = 'caSubsystemCert'): Promise<Enrolment> => ({
  csr: await makeCsr({ keys, subject }),
  profile,
  ...(old === undefined ? {} : { oldCertificate: old.der }),
});

describe('a renewal on the token', () => {
  it('is what openssl accepts: same key, same subject, same key identifier, later end', async () => {
    const old = await leaf({ subject: [{ O: [{ utf8String: 'Tëst, Ltd. 証明' }] }, { CN: ['Leaf'], OU: ['multi'] }] });
    const csr = await makeCsr({ keys, subject: [{ O: [{ utf8String: 'Tëst, Ltd. 証明' }] }, { OU: ['multi'], CN: ['Leaf'] }] });
    const answer = await createTokenIssuer(parts(caToken())).enrol({ csr, oldCertificate: old.der, profile: 'caSubsystemCert' });
    const issued = parseCertificate(answer.certificate);
    expect(verdict(answer.certificate, answer.chain, answer.roots, now)).toMatch(/: OK$/mu);
    expect(issued).toMatchObject({
      subject: old.subject,
      spki: old.spki,
      subjectKeyId: old.subjectKeyId,
      issuer: ca.subject,
      authorityKeyId: ca.subjectKeyId,
      notAfter: inDays(720),
      isCa: false,
    });
    expect(hex(issued.serial)).not.toBe(hex(old.serial));
    expect(certificateText(answer.certificate)).toContain('TLS Web Client Authentication');
    expect(answer).toMatchObject({ chain: [], roots: [ca.der] });
  });

  it('goes on under a CA that another has signed, though the token does not hold what stands above it', async () => {
    const outsideKeys = await makeKeys('p256');
    const outside = await makeCertificate({ keys: outsideKeys, subject: 'CN=Outside', notAfter: inDays(8000), extensions: caExtensions() });
    const signed = await makeCertificate({
      keys: caKeys,
      by: { keys: outsideKeys, certificate: outside },
      notAfter: inDays(4000),
      extensions: caExtensions(),
    });
    const token = fakeToken([{ label: caName, der: signed.der }], [caKeys]);
    const old = await leaf({ by: { keys: caKeys, certificate: signed } });
    await expect(createTokenIssuer(parts(token)).enrol(await enrolment(old))).rejects.toMatchObject({
      code: 'CERTIFICATE_NOT_FOUND',
      message: expect.stringContaining('hsmonger token import-cert FILE --without-key') as string,
    });
    const asked: Uint8Array[] = [];
    const above = (spki: Uint8Array) => {
      asked.push(spki);
      return Promise.resolve([outside]);
    };
    const answer = await createTokenIssuer(parts(token, { above })).enrol(await enrolment(old));
    expect(answer).toMatchObject({ chain: [signed.der], roots: [outside.der] });
    expect(asked).toEqual([signed.spki]);
    expect(verdict(answer.certificate, answer.chain, answer.roots, now)).toMatch(/: OK$/mu);
  });

  it('is written down with who, what and when before it is answered', async () => {
    const { certificate } = await createTokenIssuer(parts(caToken())).enrol(await enrolment(await leaf()));
    const again = openLedger(path.join(directory.path, 'ledger.sqlite'), { readonly: true });
    expect(listIssued(again)).toMatchObject([
      {
        certificate,
        profile: 'caSubsystemCert',
        subject: 'CN=Leaf,O=Test',
        uid: 17,
        issuedAt: now,
        notAfter: inDays(720),
        serial: hex(parseCertificate(certificate).serial),
      },
    ]);
    again.close();
  });

  it.each(['sha256', 'sha384', 'sha512'])('is signed with %s where the instance says so', async (digest) => {
    const answer = await createTokenIssuer(parts(caToken(), { instance: instance({ digest }) })).enrol(await enrolment(await leaf()));
    expect(certificateText(answer.certificate)).toContain(`Signature Algorithm: ${digest}WithRSAEncryption`);
    expect(verdict(answer.certificate, [], answer.roots, now)).toMatch(/: OK$/mu);
  });

  it("of the CA's own certificate stays a CA with its foreign key identifier, and vouches for the subordinates of before", async () => {
    const oldCa = await makeCertificate({ keys: caKeys, extensions: caExtensions('c0ffee'.repeat(4)) });
    const token = fakeToken([{ label: caName, der: oldCa.der }], [caKeys]);
    const csr = await makeCsr({ keys: caKeys });
    const answer = await createTokenIssuer(parts(token)).enrol({ csr, oldCertificate: oldCa.der, profile: 'caCACert' });
    const issued = parseCertificate(answer.certificate);
    expect(issued).toMatchObject({
      isCa: true,
      subject: oldCa.subject,
      issuer: oldCa.subject,
      subjectKeyId: oldCa.subjectKeyId,
      spki: oldCa.spki,
      notAfter: inDays(7305),
      extensions: oldCa.extensions,
    });
    expect(answer).toMatchObject({ chain: [], roots: [answer.certificate] });
    expect(certificateText(answer.certificate)).toMatch(/CA:TRUE/u);
    const before = await leaf({
      by: { keys: caKeys, certificate: oldCa },
      extensions: [subjectKeyId('0badc0de'), authorityKeyId('c0ffee'.repeat(4))],
    });
    expect(verdict(before.der, [], [answer.certificate], now)).toMatch(/: OK$/mu);
  });

  it('of an expired CA works, and lets the subordinates go on that waited for it', async () => {
    const oldCa = await makeCertificate({ keys: caKeys, notAfter: inDays(-3), extensions: caExtensions() });
    const old = await leaf({ by: { keys: caKeys, certificate: oldCa }, notAfter: inDays(-3) });
    const before = createTokenIssuer(parts(fakeToken([{ label: caName, der: oldCa.der }], [caKeys])));
    await expect(enrolment(old).then((request) => before.enrol(request))).rejects.toMatchObject({ code: 'ISSUER_DUE' });
    const { certificate } = await before.enrol({ csr: await makeCsr({ keys: caKeys }), oldCertificate: oldCa.der, profile: 'caCACert' });
    // certmonger has saved the new one beside the old one.
    for (const order of [
      [oldCa.der, certificate],
      [certificate, oldCa.der],
    ]) {
      const after = createTokenIssuer(
        parts(
          fakeToken(
            order.map((der) => ({ label: caName, der })),
            [caKeys],
          ),
          { ledger: openLedger(path.join(directory.path, `${String(ledgers++)}.sqlite`)) },
        ),
      );
      const answer = await after.enrol(await enrolment(old));
      expect(answer.roots).toEqual([certificate]);
      expect(verdict(answer.certificate, [], [certificate], now)).toMatch(/: OK$/mu);
    }
  });

  it('under an intermediate carries the chain up to the root', async () => {
    const root = await makeCertificate({ keys: otherKeys, subject: 'CN=Root', notAfter: inDays(5000), extensions: caExtensions() });
    const middle = await makeCertificate({
      keys: caKeys,
      subject: 'CN=Middle',
      by: { keys: otherKeys, certificate: root },
      notAfter: inDays(4000),
      extensions: caExtensions('bb'.repeat(20)),
    });
    const issuer = createTokenIssuer(
      parts(
        fakeToken(
          [
            { label: caName, der: middle.der },
            { label: '', der: root.der },
            { label: 'junk', der: Uint8Array.of(1, 2) },
          ],
          [caKeys],
        ),
      ),
    );
    const answer = await issuer.enrol(await enrolment(await leaf()));
    expect(answer).toMatchObject({ chain: [middle.der], roots: [root.der] });
    expect(await issuer.roots()).toEqual({ chain: [], roots: [root.der] });
    expect(parseCertificate(answer.certificate).issuer).toEqual(middle.subject);
  });

  it('of a 4096-bit key, with dates after 2049, is what openssl accepts', async () => {
    const big = await makeKeys('rsa4096');
    const root = await makeCertificate({
      keys: big,
      subject: 'CN=Big',
      notAfter: inDays(10),
      extensions: [caConstraints(2), subjectKeyId('01'), keyUsage(usage.keyCertSign)],
    });
    const issuer = createTokenIssuer(
      parts(fakeToken([{ label: caName, der: root.der }], [big]), {
        instance: instance({ 'lifetime-days': { caCACert: 11000 }, digest: 'sha512' }),
      }),
    );
    const answer = await issuer.enrol({
      csr: await makeCsr({ keys: big, subject: 'CN=Big' }),
      oldCertificate: root.der,
      profile: 'caCACert',
    });
    expect(certificateText(answer.certificate, '-enddate')).toBe('notAfter=Jan  4 12:00:00 2057 GMT\n');
    expect(certificateText(answer.certificate)).toMatch(/CA:TRUE, pathlen:2[\s\S]*Key Identifier: \n\s+01\n/u);
    expect(verdict(answer.certificate, [], answer.roots, now)).toMatch(/: OK$/mu);
  });

  it('without an old certificate is refused for a system profile, and issued under policy for a server', async () => {
    const issuer = createTokenIssuer(parts(caToken()));
    await expect(enrolment(undefined, 'caOCSPCert').then((request) => issuer.enrol(request))).rejects.toMatchObject({
      code: 'OLD_CERTIFICATE_MISSING',
    });
    const { certificate, roots } = await issuer.enrol(await enrolment(undefined, 'caServerCert'));
    expect(verdict(certificate, [], roots, now, '-purpose', 'sslserver')).toMatch(/: OK$/mu);
    expect(certificateText(certificate)).toContain('CA:FALSE');
  });

  const commonName = (value: Uint8Array) => sequence(element(0x31, sequence(objectIdentifier('2.5.4.3'), value)));
  const someone = commonName(element(0x0c, Buffer.from('x')));
  it.each<[string, Uint8Array, Uint8Array?]>([
    ['subject that is no name', Uint8Array.of(0x30, 3, 2, 1, 5)],
    ['subject that is a number', Uint8Array.of(2, 1, 5)],
    ['subject that is NULL', Uint8Array.of(5, 0), Uint8Array.of(0x30, 3, 0x82, 1, 0x61)],
    ['subject with an empty part', Uint8Array.of(0x30, 2, 0x31, 0)],
    ['common name that is not UTF-8', commonName(element(0x0c, Uint8Array.of(0xff, 0xfe)))],
    ['common name that is a number', commonName(Uint8Array.of(2, 1, 5))],
    ['alternative name that is a number', someone, Uint8Array.of(0x30, 3, 2, 1, 5)],
    ['alternative name of a tag that is none', someone, sequence(element(0x8b, Buffer.from('a')))],
    ['DNS name with a NUL', someone, sequence(element(0x82, Buffer.from('bank.example\0.evil.example')))],
    ['DNS name without a letter', someone, sequence(element(0x82))],
    ['mail address beyond ASCII', someone, sequence(element(0x81, Buffer.from('ä@a.example')))],
    ['URI with a line break', someone, sequence(element(0x86, Buffer.from('http://a\n/')))],
    ['IP address of 3 octets', someone, sequence(element(0x87, Uint8Array.of(1, 2, 3)))],
    ['IP address with a mask', someone, sequence(element(0x87, new Uint8Array(8)))],
    ['registered id cut short', someone, sequence(element(0x88, Uint8Array.of(0x2a, 0x86)))],
    ['other name without a value', someone, sequence(element(0xa0, objectIdentifier('1.2.3')))],
    ['directory name that is none', someone, sequence(element(0xa4, Uint8Array.of(0x30, 3, 2, 1, 5)))],
  ])('refuses a first request with a %s', async (_what, wrongSubject, names) => {
    await expect(
      createTokenIssuer(parts(caToken())).enrol({ csr: rawCsr(wrongSubject, names), profile: 'caServerCert' }),
    ).rejects.toMatchObject({ code: 'CSR_INVALID' });
    expect(listIssued(ledger)).toEqual([]);
  });

  it('issues a first certificate with every kind of alternative name there is', async () => {
    const principal = element(
      0xa0,
      objectIdentifier('1.3.6.1.4.1.311.20.2.3'),
      element(0xa0, element(0x0c, Buffer.from('host/a@EXAMPLE'))),
    );
    const names = [
      element(0x81, Buffer.from('a@a.example')),
      element(0x82, Buffer.from('*.a.example')),
      element(0x86, Buffer.from('https://a/')),
      element(0x87, new Uint8Array(4)),
      element(0x87, new Uint8Array(16)),
      element(0x88, Uint8Array.of(0x2a, 3)),
      principal,
      element(0xa4, someone),
    ];
    const { certificate, roots } = await createTokenIssuer(parts(caToken())).enrol({
      csr: rawCsr(someone, sequence(...names)),
      profile: 'caServerCert',
    });
    expect(verdict(certificate, [], roots, now)).toMatch(/: OK$/mu);
    expect(certificateText(certificate)).toMatch(
      /email:a@a\.example, DNS:\*\.a\.example, URI:https:\/\/a\/, IP Address:0\.0\.0\.0, IP Address:0:0:0:0:0:0:0:0, Registered ID:1\.2\.3, othername:.*, DirName:/u,
    );
  });

  it("refuses a first request for the CA's own subject", async () => {
    await expect(
      createTokenIssuer(parts(caToken())).enrol({
        csr: await makeCsr({ keys, subject: 'O=test, CN=Certificate  Authority' }),
        profile: 'caServerCert',
      }),
    ).rejects.toMatchObject({ code: 'SUBJECT_MISMATCH' });
  });

  it.each([
    ['a garbage request', { csr: Uint8Array.of(1, 2, 3) }, 'CSR_INVALID'],
    ['a garbage certificate', { oldCertificate: Uint8Array.of(0x30, 0x00) }, 'CERTIFICATE_INVALID'],
  ])('refuses %s and writes nothing', async (_what, bad, code) => {
    const issuer = createTokenIssuer(parts(caToken()));
    await expect(issuer.enrol({ ...(await enrolment(await leaf())), ...bad })).rejects.toMatchObject({ code });
    expect(listIssued(ledger)).toEqual([]);
  });
});

describe('the same request', () => {
  it('gets the same certificate again, and costs no second signature', async () => {
    const token = caToken();
    const request = await enrolment(await leaf());
    const first = await createTokenIssuer(parts(token)).enrol(request);
    expect(await createTokenIssuer(parts(token)).enrol({ ...request, csr: await makeCsr({ keys, subject, extensions: [] }) })).toEqual(
      first,
    );
    expect(token.signatures()).toBe(1);
  });

  it('eight times at once gets one certificate, however slow the HSM', async () => {
    const slow = caToken();
    const token = {
      ...slow,
      sign: async (...args: Parameters<Token['sign']>) => {
        await sleep(500);
        return slow.sign(...args);
      },
    };
    const request = await enrolment(await leaf());
    const file = path.join(directory.path, 'ledger.sqlite');
    const ledgers = Array.from({ length: 8 }, () => openLedger(file));
    const answers = await Promise.all(ledgers.map((one) => createTokenIssuer(parts(token, { ledger: one })).enrol(request)));
    expect(new Set(answers.map(({ certificate }) => hex(certificate))).size).toBe(1);
    expect(slow.signatures()).toBe(1);
    for (const one of ledgers) one.close();
  });

  it.each<[string, (issued: Uint8Array) => Partial<TokenIssuerParts> | undefined]>([
    [
      'has been revoked',
      () => {
        ledger.exec("UPDATE issued SET revoked_at = '2026-11-23T12:00:00Z'");
        return undefined;
      },
    ],
    ['has expired', () => ({ clock: () => inDays(721) })],
    [
      'was tampered with in the ledger',
      (issued) => {
        const broken = Uint8Array.from(issued);
        broken[broken.length - 1]! ^= 1;
        ledger.prepare('UPDATE issued SET certificate = ?').run(broken);
        return undefined;
      },
    ],
  ])('gets a new certificate when the one of before %s', async (_what, spoil) => {
    const request = await enrolment(await leaf());
    const first = await createTokenIssuer(parts(caToken())).enrol(request);
    const second = await createTokenIssuer(parts(caToken(), spoil(first.certificate))).enrol(request);
    expect(hex(second.certificate)).not.toBe(hex(first.certificate));
    expect(hex(parseCertificate(second.certificate).serial)).not.toBe(hex(parseCertificate(first.certificate).serial));
  });

  it.each<[RevocationReason, RegExp]>([
    ['keyCompromise', /gets no certificate any more: .* and its key with it/u],
    ['privilegeWithdrawn', /was revoked at 2026-11-23T12:00:00Z \(privilegeWithdrawn\) and is not renewed/u],
    [
      'certificateHold',
      /on hold: [0-9a-f]+, since 2026-11-23T12:00:00Z \(certificateHold\); 'hsmonger ca unrevoke [0-9a-f]+' ends the hold/u,
    ],
  ])('for one that was revoked for %s is refused, as a renewal would undo that', async (reason, sentence) => {
    const first = await createTokenIssuer(parts(caToken())).enrol(await enrolment(await leaf()));
    const issued = parseCertificate(first.certificate);
    const id = { issuerKey: keyFingerprint(ca.spki), serial: hex(issued.serial) };
    revoke(ledger, id, { at: now, reason }, 0);
    const later = parts(caToken(), { clock: () => inDays(700) });
    await expect(createTokenIssuer(later).enrol(await enrolment(issued))).rejects.toMatchObject({
      code: 'REVOCATION_REFUSED',
      message: expect.stringMatching(sentence) as string,
    });
    if (reason !== 'certificateHold') return;
    endHold(ledger, id, now, 0);
    await expect(createTokenIssuer(later).enrol(await enrolment(issued))).resolves.toBeDefined();
  });

  it('is refused while another certificate of its key is on hold', async () => {
    const first = await createTokenIssuer(parts(caToken())).enrol(await enrolment(await leaf()));
    const issued = parseCertificate(first.certificate);
    const later = parts(caToken(), { clock: () => inDays(700) });
    const second = parseCertificate((await createTokenIssuer(later).enrol(await enrolment(issued))).certificate);
    const idOf = ({ serial }: Certificate) => ({ issuerKey: keyFingerprint(ca.spki), serial: hex(serial) });
    // The certificate to be renewed is as good as ever; its key is not.
    revoke(ledger, idOf(second), { at: now, reason: 'certificateHold' }, 0);
    await expect(createTokenIssuer(later).enrol(await enrolment(issued))).rejects.toMatchObject({
      code: 'REVOCATION_REFUSED',
      message: expect.stringContaining(`'hsmonger ca unrevoke ${hex(second.serial)}'`) as string,
    });
    endHold(ledger, idOf(second), now, 0);
    await expect(createTokenIssuer(later).enrol(await enrolment(issued))).resolves.toMatchObject({ certificate: second.der });
  });

  it('is refused where only a published CRL has told of the revocation, as after a restore', async () => {
    const old = await leaf();
    revoke(ledger, { issuerKey: keyFingerprint(ca.spki), serial: hex(old.serial) }, { at: now, reason: 'certificateHold' }, 0);
    await expect(createTokenIssuer(parts(caToken())).enrol(await enrolment(old))).rejects.toMatchObject({
      code: 'REVOCATION_REFUSED',
      message: expect.stringContaining("'hsmonger ca unrevoke' with the certificate's file ends the hold") as string,
    });
  });

  it('is refused for what was withdrawn when an earlier key of the CA had signed it', async () => {
    const first = await createTokenIssuer(parts(caToken())).enrol(await enrolment(await leaf()));
    const issued = parseCertificate(first.certificate);
    const rekeyed = await makeCertificate({ keys: otherKeys, notAfter: inDays(4000), extensions: caExtensions('facade'.repeat(4)) });
    const token = fakeToken([{ label: caName, der: rekeyed.der }], [otherKeys]);
    const renewal = async () => createTokenIssuer(parts(token, { clock: () => inDays(700) })).enrol(await enrolment(issued));
    const id = { issuerKey: keyFingerprint(ca.spki), serial: hex(issued.serial) };
    revoke(ledger, id, { at: now, reason: 'privilegeWithdrawn' }, 0);
    await expect(renewal()).rejects.toMatchObject({
      code: 'REVOCATION_REFUSED',
      message: expect.stringContaining('(privilegeWithdrawn) and is not renewed') as string,
    });
    revoke(ledger, id, { at: now, reason: 'superseded' }, 0);
    await expect(renewal()).resolves.toMatchObject({ roots: [rekeyed.der] });
  });

  it('renews what was superseded, and never hands the revoked one out again', async () => {
    const first = await createTokenIssuer(parts(caToken())).enrol(await enrolment(await leaf()));
    const issued = parseCertificate(first.certificate);
    const later = parts(caToken(), { clock: () => inDays(700) });
    const second = await createTokenIssuer(later).enrol(await enrolment(issued));
    revoke(
      ledger,
      { issuerKey: keyFingerprint(ca.spki), serial: hex(parseCertificate(second.certificate).serial) },
      { at: now, reason: 'superseded' },
      0,
    );
    const third = await createTokenIssuer(later).enrol(await enrolment(issued));
    expect(hex(third.certificate)).not.toBe(hex(second.certificate));
    expect(await createTokenIssuer(later).enrol(await enrolment(issued))).toEqual(third);
  });

  it('is refused where the answer to it was withdrawn before it was saved', async () => {
    const old = await leaf();
    const first = parseCertificate((await createTokenIssuer(parts(caToken())).enrol(await enrolment(old))).certificate);
    const id = { issuerKey: keyFingerprint(ca.spki), serial: hex(first.serial) };
    revoke(ledger, id, { at: now, reason: 'cessationOfOperation' }, 0);
    const token = caToken();
    await expect(createTokenIssuer(parts(token)).enrol(await enrolment(old))).rejects.toMatchObject({
      code: 'REVOCATION_REFUSED',
      message: expect.stringMatching(/was revoked at \S+ \(cessationOfOperation\) and is not renewed/u) as string,
    });
    expect(token.signatures()).toBe(0);
  });

  it('gets a new certificate for another old one, another profile, another CA key', async () => {
    const old = await leaf();
    const answers = [
      await createTokenIssuer(parts(caToken())).enrol(await enrolment(old)),
      await createTokenIssuer(parts(caToken())).enrol(await enrolment(await leaf({ serial: '99' }))),
      await createTokenIssuer(parts(caToken())).enrol(await enrolment(old, 'caTransportCert')),
      await createTokenIssuer(
        parts(
          fakeToken(
            [{ label: caName, der: (await makeCertificate({ keys: otherKeys, notAfter: inDays(4000), extensions: caExtensions() })).der }],
            [otherKeys],
          ),
        ),
      ).enrol(await enrolment(old)),
    ];
    expect(new Set(answers.map(({ certificate }) => hex(certificate))).size).toBe(4);
  });

  it('is refused as before when the request beside it is wrong, though there is an answer', async () => {
    const old = await leaf();
    await createTokenIssuer(parts(caToken())).enrol(await enrolment(old));
    await expect(
      createTokenIssuer(parts(caToken())).enrol({
        csr: await makeCsr({ keys, subject: 'CN=Other' }),
        oldCertificate: old.der,
        profile: 'caSubsystemCert',
      }),
    ).rejects.toMatchObject({ code: 'SUBJECT_MISMATCH' });
  });
});

describe('the CA on the token', () => {
  it.each<[string, () => Promise<readonly [readonly { label: string; der: Uint8Array }[], readonly Keys[]]>, string]>([
    ['is missing', () => Promise.resolve([[{ label: 'other', der: ca.der }], [caKeys]]), 'CERTIFICATE_NOT_FOUND'],
    ['is no CA certificate', async () => [[{ label: caName, der: (await leaf()).der }], [keys]], 'CERTIFICATE_INVALID'],
    ['has no key there', () => Promise.resolve([[{ label: caName, der: ca.der }], [otherKeys]]), 'KEY_NOT_FOUND'],
    [
      'has no root above it there',
      async () => {
        const root = await makeCertificate({ keys: otherKeys, subject: 'CN=Root', extensions: caExtensions() });
        return [
          [
            {
              label: caName,
              der: (
                await makeCertificate({
                  keys: caKeys,
                  subject: 'CN=Middle',
                  by: { keys: otherKeys, certificate: root },
                  extensions: [caConstraints()],
                })
              ).der,
            },
          ],
          [caKeys],
        ];
      },
      'CERTIFICATE_NOT_FOUND',
    ],
  ])('that %s is an error of one sentence', async (_what, content, code) => {
    const issuer = createTokenIssuer(parts(fakeToken(...(await content()))));
    await expect(enrolment(await leaf()).then((request) => issuer.enrol(request))).rejects.toMatchObject({ code });
    // Certificates are public: their path is found without the key, and so without a PIN.
    await (code === 'KEY_NOT_FOUND'
      ? expect(issuer.roots()).resolves.toMatchObject({ roots: [ca.der] })
      : expect(issuer.roots()).rejects.toMatchObject({ code }));
  });

  it('is chosen by its key, not by its place, among several of its name', async () => {
    const stranger = await makeCertificate({ keys: otherKeys, notAfter: inDays(9000), extensions: caExtensions() });
    for (const ders of [
      [stranger.der, ca.der],
      [ca.der, stranger.der],
    ]) {
      const answer = await createTokenIssuer(
        parts(
          fakeToken(
            ders.map((der) => ({ label: caName, der })),
            [caKeys],
          ),
          { ledger: openLedger(path.join(directory.path, `${String(ledgers++)}.sqlite`)) },
        ),
      ).enrol(await enrolment(await leaf()));
      expect(answer.roots).toEqual([ca.der]);
    }
  });

  it('with an elliptic-curve key signs with the digest of its curve', async () => {
    const ec = await makeKeys('p256');
    const ecCa = await makeCertificate({ keys: ec, notAfter: inDays(4000), extensions: caExtensions() });
    const { certificate, roots } = await createTokenIssuer(parts(fakeToken([{ label: caName, der: ecCa.der }], [ec]))).enrol(
      await enrolment(await leaf()),
    );
    expect(certificateText(certificate)).toContain('Signature Algorithm: ecdsa-with-SHA256');
    expect(verdict(certificate, [], roots, now)).toMatch(/: OK$/mu);
  });

  it('that signs wrongly has its certificate kept back and not written down', async () => {
    const issuer = createTokenIssuer(parts(caToken({ sign: () => Promise.resolve(new Uint8Array(256)) })));
    await expect(enrolment(await leaf()).then((request) => issuer.enrol(request))).rejects.toMatchObject({ code: 'ISSUED_WRONG' });
    expect(listIssued(ledger)).toEqual([]);
  });

  it('is opened once, when first needed, and closed with the issuer', async () => {
    let opened = 0;
    let closed = 0;
    const token = caToken({
      close: () => {
        closed += 1;
        return Promise.resolve();
      },
    });
    const issuer = createTokenIssuer(
      parts(token, {
        openToken: () => {
          opened += 1;
          return Promise.resolve(token);
        },
      }),
    );
    expect(opened).toBe(0);
    await issuer.roots();
    await issuer.enrol(await enrolment(await leaf({ extensions: [extension('1.2.3', [1])] })));
    await issuer.close();
    expect([opened, closed]).toEqual([1, 1]);
    await createTokenIssuer(parts(token)).close();
    expect(closed).toBe(1);
  });
});

/** What no request generator makes: any bytes as subject and alternative name, signed all the same. */
function rawCsr(subjectDer: Uint8Array, names?: Uint8Array): Uint8Array {
  const requested =
    names === undefined
      ? []
      : [
          sequence(
            objectIdentifier(oids.extensionRequest),
            element(0x31, sequence(sequence(objectIdentifier(oids.subjectAltName), octetString(names)))),
          ),
        ];
  const info = sequence(integer(Uint8Array.of(0)), subjectDer, keys.spki, element(0xa0, ...requested));
  return sequence(
    info,
    sequence(objectIdentifier('1.2.840.113549.1.1.11'), element(0x05)),
    bitString(Uint8Array.from(sign('sha256', info, keys.privateKey))),
  );
}
