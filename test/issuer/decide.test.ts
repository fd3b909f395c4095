import { beforeAll, describe, expect, it } from 'vitest';
import { caConfig } from '../../src/config/ca-config.js';
import type { CaConfig } from '../../src/config/instance.js';
import { profileNames } from '../../src/config/profile-names.js';
import { profiles } from '../../src/issuer/profiles.js';
import { inferProfile } from '../../src/issuer/infer-profile.js';
import { admit, type IssueFacts } from '../../src/issuer/token/admit.js';
import { noLimits } from '../../src/issuer/token/issuance/limits.js';
import { decideIssue, type IssuePlan } from '../../src/issuer/token/decide.js';
import type { Certificate } from '../../src/x509/certificate.js';
import { extendedKeyUsageExtension, extendedKeyUsages, findExtension } from '../../src/x509/extensions/extensions.js';
import { oids } from '../../src/x509/oids.js';
import { parseCsr } from '../../src/x509/parse-csr.js';
import { keyIdentifier } from '../../src/x509/public-key.js';
import {
  authorityKeyId,
  caConstraints,
  caExtensions,
  day,
  dnsNames,
  extendedKeyUsage,
  extension,
  hex,
  keyUsage,
  leafConstraints,
  makeCertificate,
  makeCsr,
  makeKeys,
  now,
  subjectKeyId,
  usage,
  type CertificateOptions,
  type CsrOptions,
  type Keys,
} from '../x509/material.js';

let caKeys: Keys;
let leafKeys: Keys;
let otherKeys: Keys;
let ca: Certificate;
const inDays = (days: number) => new Date(now.getTime() + days * day);
const foreignId = 'c0ffee'.repeat(4);

beforeAll(async () => {
  [caKeys, leafKeys, otherKeys] = await Promise.all([makeKeys(), makeKeys(), makeKeys()]);
  ca = await makeCertificate({ keys: caKeys, notAfter: inDays(4000), extensions: caExtensions(foreignId) });
});

const subject = 'O=Test, CN=Leaf';
const leafCertificate = (options: Partial<CertificateOptions> = {}) =>
  makeCertificate({ keys: leafKeys, subject, by: { keys: caKeys, certificate: ca }, ...options });
const facts = async (options: Partial<IssueFacts> & { readonly csrOptions?: Partial<CsrOptions> } = {}): Promise<IssueFacts> => {
  const { csrOptions, ...rest } = options;
  return {
    csr: parseCsr(await makeCsr({ keys: leafKeys, subject, ...csrOptions })),
    issuer: ca,
    issuerTracked: true,
    lifetimeDays: {},
    backdateSeconds: 60,
    ca: caConfig({}),
    limits: noLimits,
    ...rest,
  };
};
const plan = (given: IssueFacts, at = now): IssuePlan => decideIssue(at, admit(given));
const caFacts = (old: Certificate, options: Partial<IssueFacts> = {}) =>
  facts({ profile: 'caCACert', old, issuer: old, csrOptions: { keys: caKeys, subject: 'O=Test, CN=Certificate Authority' }, ...options });

describe('profiles', () => {
  it("are named as Dogtag's, with its lifetimes", () => {
    expect(Object.keys(profiles).sort()).toEqual([...profileNames].sort());
    for (const profile of Object.values(profiles)) {
      expect(profile.days).toBe(profile.name === 'caCACert' ? 7305 : 720);
      expect(profile.ca).toBe(profile.name === 'caCACert');
    }
  });

  it('are told from a certificate where nobody names one', async () => {
    const of = async (...extensions: CertificateOptions['extensions'] & object) => inferProfile(await leafCertificate({ extensions }));
    expect(inferProfile(ca)).toBe('caCACert');
    expect(await of(extendedKeyUsage(oids.ocspSigning))).toBe('caOCSPCert');
    expect(await of(extendedKeyUsage(oids.clientAuth, oids.serverAuth))).toBe('caServerCert');
    expect(await of(extendedKeyUsage(oids.clientAuth))).toBe('caSubsystemCert');
    expect(await of(keyUsage(usage.digitalSignature))).toBe('caSignedLogCert');
  });
});

describe("the CA's own renewal", () => {
  it('keeps subject, key, key identifier and every extension, and is a CA though the request says CA:FALSE', async () => {
    const planned = plan(await caFacts(ca, { old: ca }));
    expect(planned).toMatchObject({ subject: ca.subject, issuer: ca.subject, spki: ca.spki, extensions: ca.extensions });
  });

  it('lives 7305 days from now, back-dated, however soon the old one ends, and even after it has', async () => {
    for (const daysLeft of [20, -300]) {
      const old = await makeCertificate({ keys: caKeys, notAfter: inDays(daysLeft), extensions: caExtensions() });
      expect(plan(await caFacts(old))).toMatchObject({ notBefore: new Date(now.getTime() - 60_000), notAfter: inDays(7305) });
    }
  });

  it('keeps a path length and unknown extensions, in their order and criticality', async () => {
    const extensions = [extension('1.2.3.4', [5, 0], true), caConstraints(3), subjectKeyId(foreignId), extension('1.2.3.5', [0xff])];
    const old = await makeCertificate({ keys: caKeys, extensions });
    expect(plan(await caFacts(old)).extensions).toEqual(old.extensions);
  });

  it('sets an authority key identifier that names issuer and serial to its own key identifier', async () => {
    const old = await makeCertificate({ keys: caKeys, extensions: [authorityKeyId('dead'), caConstraints(), subjectKeyId(foreignId)] });
    expect(hex(findExtension(plan(await caFacts(old)).extensions, oids.authorityKeyIdentifier)!.value)).toBe(`300e800c${foreignId}`);
  });

  it('of a version 1 root becomes a CA in so many words, with a key identifier', async () => {
    const old = await makeCertificate({ keys: caKeys });
    const { extensions } = plan(await caFacts(old));
    expect(extensions.map(({ oid, critical, value }) => [oid, critical, hex(value)])).toEqual([
      [oids.basicConstraints, true, '30030101ff'],
      [oids.subjectKeyIdentifier, false, `0414${hex(keyIdentifier(caKeys.spki))}`],
    ]);
  });

  it('is not done here for a CA certificate that somebody else issued', async () => {
    const root = await makeCertificate({ keys: otherKeys, subject: 'CN=Root', extensions: caExtensions() });
    const old = await makeCertificate({ keys: caKeys, by: { keys: otherKeys, certificate: root }, extensions: caExtensions() });
    await expect(caFacts(old).then(plan)).rejects.toMatchObject({
      code: 'ISSUER_EXTERNAL',
      message: expect.stringMatching(/'hsmonger ca csr'.*'hsmonger ca import'/u) as string,
    });
    // Only where somebody says so.
    const forced = plan(await caFacts(old, { selfSigned: true }));
    expect(forced).toMatchObject({ subject: old.subject, issuer: old.subject, spki: old.spki });
  });

  it('is refused when it would not outlive the old one', async () => {
    const old = await makeCertificate({ keys: caKeys, notAfter: inDays(8000), extensions: caExtensions() });
    await expect(caFacts(old).then(plan)).rejects.toMatchObject({ code: 'NOT_LONGER' });
  });
});

describe('the renewal of a subordinate', () => {
  it("takes subject and extension set from the old certificate, never from the request, and the issuer's name from the issuer", async () => {
    const names = dnsNames('old.test');
    const old = await leafCertificate({
      subject: [{ O: [{ bmpString: 'Tëst' }] }, { CN: ['Leaf, Inc.'], OU: ['x'] }],
      extensions: [
        names,
        keyUsage(usage.digitalSignature),
        subjectKeyId('0badc0de'),
        authorityKeyId(foreignId),
        extension('1.2.3.4', [1, 2, 3], true),
      ],
    });
    const planned = plan(
      await facts({
        old,
        profile: 'caSubsystemCert',
        csrOptions: {
          subject: [{ O: [{ utf8String: 'tëst' }] }, { CN: ['LEAF, inc.'], OU: ['x'] }],
          extensions: [dnsNames('evil.test'), caConstraints()],
        },
      }),
    );
    expect(planned).toMatchObject({ subject: old.subject, issuer: ca.subject, spki: old.spki, extensions: old.extensions });
  });

  it('lives 720 days, or what the instance file says', async () => {
    const old = await leafCertificate();
    expect(plan(await facts({ old, profile: 'caSubsystemCert' })).notAfter).toEqual(inDays(720));
    expect(
      plan(await facts({ old, profile: 'caSubsystemCert', lifetimeDays: { caSubsystemCert: 90, caOCSPCert: 5 }, backdateSeconds: 3600 })),
    ).toMatchObject({ notAfter: inDays(90), notBefore: new Date(now.getTime() - 3_600_000) });
    expect(plan(await facts({ old, profile: 'caSubsystemCert', lifetimeDays: { caSubsystemCert: 90 }, days: 30 })).notAfter).toEqual(
      inDays(30),
    );
    expect(plan(await facts({ old, profile: 'caSubsystemCert' }), new Date(now.getTime() + 789)).notAfter.getMilliseconds()).toBe(0);
  });

  it('begins no earlier than the certificate of its CA, renewed or new, however far it is back-dated', async () => {
    const issuer = await makeCertificate({
      keys: caKeys,
      notBefore: new Date(now.getTime() - 5000),
      notAfter: inDays(4000),
      extensions: caExtensions(foreignId),
    });
    expect(plan(await facts({ old: await leafCertificate(), issuer, profile: 'caSubsystemCert' })).notBefore).toEqual(issuer.notBefore);
    expect(plan(await facts({ issuer, profile: 'caServerCert', csrOptions: { extensions: [dnsNames('a.test')] } })).notBefore).toEqual(
      issuer.notBefore,
    );
  });

  it.each([
    [[oids.serverAuth, oids.clientAuth, '1.3.6.1.5.2.3.5'], false, 'caServerCert'],
    [[oids.timeStamping], true, 'caSignedLogCert'],
    [[oids.codeSigning], false, 'caUserCert'],
  ] as const)(
    'keeps extended key usages that were ordered, %j (critical: %j), under %s and where no profile is named',
    async (usages, critical, profile) => {
      const ordered = extendedKeyUsageExtension(usages, critical);
      const old = await leafCertificate({ extensions: [extension(ordered.oid, [...ordered.value], critical)] });
      for (const named of [{ profile }, {}])
        expect(findExtension(plan(await facts({ old, ...named })).extensions, oids.extendedKeyUsage)).toEqual(ordered);
    },
  );

  it('adds OCSP signing and no-check to an OCSP certificate that lacks them, and refuses none for it', async () => {
    const bare = plan(await facts({ old: await leafCertificate(), profile: 'caOCSPCert' })).extensions;
    expect(extendedKeyUsages(bare)).toEqual([oids.ocspSigning]);
    expect(findExtension(bare, oids.ocspNoCheck)).toEqual({ oid: oids.ocspNoCheck, critical: false, value: Uint8Array.of(5, 0) });
    expect(hex(findExtension(bare, oids.authorityKeyIdentifier)!.value)).toBe(`300e800c${foreignId}`);
    expect(hex(findExtension(bare, oids.subjectKeyIdentifier)!.value)).toBe(`0414${hex(keyIdentifier(leafKeys.spki))}`);
    expect(findExtension(bare, oids.basicConstraints)).toBeUndefined();
    const other = plan(
      await facts({ old: await leafCertificate({ extensions: [extendedKeyUsage(oids.clientAuth)] }), profile: 'caOCSPCert' }),
    ).extensions;
    expect(extendedKeyUsages(other)).toEqual([oids.clientAuth, oids.ocspSigning]);
    const complete = await leafCertificate({
      extensions: [extendedKeyUsage(oids.ocspSigning), extension(oids.ocspNoCheck, [5, 0]), subjectKeyId('01'), authorityKeyId(foreignId)],
    });
    expect(plan(await facts({ old: complete, profile: 'caOCSPCert' })).extensions).toEqual(complete.extensions);
  });

  it("sets the authority key identifier to the issuer's, whatever the old one said", async () => {
    const old = await leafCertificate({ extensions: [authorityKeyId('0102')] });
    expect(hex(findExtension(plan(await facts({ old })).extensions, oids.authorityKeyIdentifier)!.value)).toBe(`300e800c${foreignId}`);
    const bareCa = await makeCertificate({ keys: caKeys, notAfter: inDays(4000), extensions: [caConstraints()] });
    expect(hex(findExtension(plan(await facts({ old, issuer: bareCa })).extensions, oids.authorityKeyIdentifier)!.value)).toBe(
      `30168014${hex(keyIdentifier(caKeys.spki))}`,
    );
  });

  it('leaves out what spoke of the old certificate alone', async () => {
    const old = await leafCertificate({
      extensions: [
        extension(oids.signedCertificateTimestamps, [4, 0]),
        extension(oids.precertificatePoison, [5, 0], true),
        extension(oids.privateKeyUsagePeriod, [0x30, 0]),
        dnsNames('a.test'),
      ],
    });
    const kept = plan(await facts({ old })).extensions.map(({ oid }) => oid);
    expect(kept).toEqual([oids.subjectAltName, oids.subjectKeyIdentifier, oids.authorityKeyIdentifier]);
  });

  it('of what another CA issued says where this CA publishes, not that one; of what this one issued keeps what it says', async () => {
    const places: string[] = [oids.crlDistributionPoints, oids.authorityInformationAccess, oids.freshestCrl, oids.issuerAltName];
    const extensions = places.map((oid) => extension(oid, [0x30, 0]));
    const other = await makeCertificate({ keys: otherKeys, subject: 'CN=Another', notAfter: inDays(4000), extensions: caExtensions() });
    const here = { ...caConfig({}), crlUrls: ['http://here.test/ca.crl'], ocspUrls: ['http://here.test/ocsp'] };
    const shown = async (old: Certificate, config: CaConfig = here) =>
      plan(await facts({ old, ca: config }))
        .extensions.filter(({ oid }) => places.includes(oid))
        .map(({ oid, value }) => [
          oid,
          Buffer.from(value)
            .toString('latin1')
            .replace(/[^ -~]/gu, ' '),
        ]);
    const theirs = await leafCertificate({ extensions, by: { keys: otherKeys, certificate: other } });
    expect(await shown(theirs)).toEqual([
      [oids.crlDistributionPoints, expect.stringContaining('http://here.test/ca.crl')],
      [oids.authorityInformationAccess, expect.stringContaining('http://here.test/ocsp')],
    ]);
    expect(await shown(theirs, caConfig({}))).toEqual([]);
    const ours = await leafCertificate({ extensions });
    expect((await shown(ours)).map(([oid]) => oid)).toEqual(places);
    // A CA that signs itself from now on has no CRL of another's above it.
    const signed = await makeCertificate({
      keys: caKeys,
      by: { keys: otherKeys, certificate: other },
      extensions: [...caExtensions(), ...extensions],
    });
    const itself = plan(await caFacts(signed, { selfSigned: true, ca: here })).extensions;
    expect(places.flatMap((oid) => findExtension(itself, oid) ?? [])).toEqual([]);
  });

  it('is done too for what another CA issued: it is taken over, as it was but for its issuer', async () => {
    const otherCa = await makeCertificate({ keys: otherKeys, subject: 'CN=Former CA', extensions: caExtensions() });
    const old = await leafCertificate({
      by: { keys: otherKeys, certificate: otherCa },
      extensions: [keyUsage(usage.digitalSignature), subjectKeyId('0badc0de'), authorityKeyId('aa'.repeat(20))],
    });
    const planned = plan(await facts({ old, profile: 'caSubsystemCert' }));
    expect(planned).toMatchObject({ subject: old.subject, spki: old.spki, issuer: ca.subject });
    expect(hex(findExtension(planned.extensions, oids.authorityKeyIdentifier)!.value)).toBe(`300e800c${foreignId}`);
    const selfMade = await makeCertificate({ keys: leafKeys, subject, extensions: [keyUsage(usage.digitalSignature)] });
    expect(plan(await facts({ old: selfMade, profile: 'caSubsystemCert' }))).toMatchObject({ issuer: ca.subject });
  });

  it('of a sub-CA stays a CA, when this CA issued it', async () => {
    const old = await leafCertificate({ extensions: [caConstraints(0), subjectKeyId(foreignId), authorityKeyId(foreignId)] });
    expect(plan(await facts({ old, profile: 'caCACert' }))).toMatchObject({
      extensions: old.extensions,
      issuer: ca.subject,
      notAfter: ca.notAfter,
    });
    const foreign = await makeCertificate({
      keys: leafKeys,
      subject,
      by: { keys: otherKeys, certificate: ca },
      extensions: [caConstraints()],
    });
    await expect(facts({ old: foreign, profile: 'caCACert' }).then(plan)).rejects.toMatchObject({ code: 'ISSUER_EXTERNAL' });
    const selfMade = await makeCertificate({ keys: leafKeys, subject, extensions: [caConstraints()] });
    await expect(facts({ old: selfMade, profile: 'caCACert' }).then(plan)).rejects.toMatchObject({ code: 'ISSUER_EXTERNAL' });
  });

  it.each([
    ['a CA certificate under a leaf profile', [caConstraints()], 'caOCSPCert'],
    [
      'what may sign certificates and has no basic constraints, under a leaf profile',
      [keyUsage(usage.digitalSignature | usage.keyCertSign)],
      'caSignedLogCert',
    ],
    ['a leaf under the CA profile', [leafConstraints()], 'caCACert'],
    ['a leaf without basic constraints under the CA profile', [], 'caCACert'],
  ])('of %s is refused', async (_what, extensions, profile) => {
    await expect(facts({ old: await leafCertificate({ extensions }), profile }).then(plan)).rejects.toMatchObject({
      code: 'PROFILE_MISMATCH',
    });
  });
});

describe('a subordinate whose issuer ends before it would', () => {
  const issuerLeft = (days: number, keys = caKeys) =>
    makeCertificate({ keys, notAfter: inDays(days), extensions: caExtensions(foreignId) });

  it.each([
    ['has 28 days left and is tracked here', 28, true, 'ISSUER_DUE'],
    ['has expired and is tracked here', -10, true, 'ISSUER_DUE'],
    ['has expired and is not tracked', -10, false, 'ISSUER_EXPIRED'],
    ['ends with the old certificate and is not tracked', 20, false, 'NOT_LONGER'],
    ['ends before the old certificate and is not tracked', 10, false, 'NOT_LONGER'],
  ])('which %s', async (_what, days, issuerTracked, code) => {
    const old = await leafCertificate({ notAfter: inDays(20) });
    await expect(facts({ old, issuer: await issuerLeft(days), issuerTracked }).then(plan)).rejects.toMatchObject({ code });
  });

  it('and has more than 28 days left is capped', async () => {
    expect(plan(await facts({ old: await leafCertificate(), issuer: await issuerLeft(29) })).notAfter).toEqual(inDays(29));
  });

  it('and is due, but not tracked, is capped', async () => {
    expect(plan(await facts({ old: await leafCertificate(), issuer: await issuerLeft(25), issuerTracked: false })).notAfter).toEqual(
      inDays(25),
    );
  });

  it('is not capped by one that lives long enough, and is not held up by it', async () => {
    expect(
      plan(
        await facts({
          old: await leafCertificate(),
          lifetimeDays: { caSignedLogCert: 21 },
          profile: 'caSignedLogCert',
          issuer: await issuerLeft(25),
        }),
      ).notAfter,
    ).toEqual(inDays(21));
  });

  it('never waits for an issuer that cannot renew itself here', async () => {
    const root = await makeCertificate({ keys: otherKeys, subject: 'CN=Root', extensions: caExtensions() });
    const issuer = await makeCertificate({
      keys: caKeys,
      by: { keys: otherKeys, certificate: root },
      notAfter: inDays(-1),
      extensions: caExtensions(foreignId),
    });
    await expect(facts({ old: await leafCertificate(), issuer }).then(plan)).rejects.toMatchObject({ code: 'ISSUER_EXPIRED' });
  });

  it('waits too when it is a first certificate', async () => {
    await expect(facts({ profile: 'caServerCert', issuer: await issuerLeft(28) }).then(plan)).rejects.toMatchObject({ code: 'ISSUER_DUE' });
  });

  it('is refused when its own lifetime is what makes it too short', async () => {
    await expect(facts({ old: await leafCertificate({ notAfter: inDays(800) }) }).then(plan)).rejects.toMatchObject({
      code: 'NOT_LONGER',
      message: expect.stringContaining('the lifetime it is to have') as string,
    });
  });
});

describe('a request without an old certificate', () => {
  it.each(profileNames.filter((name) => name !== 'caServerCert'))('is refused under %s', async (profile) => {
    await expect(facts({ profile }).then(plan)).rejects.toMatchObject({ code: 'OLD_CERTIFICATE_MISSING' });
  });

  it.each([['caServerCert'], [undefined]])(
    'is issued under the policy of caServerCert (asked for: %s), whatever it wants to be',
    async (profile) => {
      const csrOptions = {
        extensions: [
          caConstraints(),
          dnsNames('www.test', 'a.test'),
          keyUsage(usage.keyCertSign),
          extendedKeyUsage(oids.ocspSigning),
          extension('1.2.3.4', [1]),
        ],
      };
      const given = await facts({ csrOptions, ...(profile === undefined ? {} : { profile }) });
      const planned = plan(given);
      expect(planned).toMatchObject({ subject: given.csr.subject, spki: given.csr.spki, issuer: ca.subject, notAfter: inDays(720) });
      expect(planned.extensions.map(({ oid, critical, value }) => [oid, critical, hex(value)])).toEqual([
        [oids.basicConstraints, true, '3000'],
        [oids.keyUsage, true, '030205a0'],
        [oids.extendedKeyUsage, false, '301406082b0601050507030106082b06010505070302'],
        [oids.subjectKeyIdentifier, false, `0414${hex(keyIdentifier(leafKeys.spki))}`],
        [oids.authorityKeyIdentifier, false, `300e800c${foreignId}`],
        [oids.subjectAltName, false, hex(findExtension(given.csr.extensions, oids.subjectAltName)!.value)],
      ]);
    },
  );

  it('without a subject gets a critical alternative name, and without either is refused', async () => {
    const nameless = plan(await facts({ csrOptions: { subject: [], extensions: [dnsNames('a.test')] } }));
    expect(findExtension(nameless.extensions, oids.subjectAltName)?.critical).toBe(true);
    await expect(facts({ csrOptions: { subject: [], extensions: [] } }).then(plan)).rejects.toMatchObject({ code: 'CSR_INVALID' });
    await expect(facts({ csrOptions: { extensions: [extension(oids.subjectAltName, [0x30, 0x00])] } }).then(plan)).rejects.toMatchObject({
      code: 'CSR_INVALID',
    });
  });

  it("with the CA's own key is refused", async () => {
    await expect(facts({ csrOptions: { keys: caKeys } }).then(plan)).rejects.toMatchObject({ code: 'KEY_MISMATCH' });
  });
});

describe('a request is refused', () => {
  it('when its signature is broken', async () => {
    const der = await makeCsr({ keys: leafKeys, subject });
    der[der.length - 1]! ^= 1;
    await expect(facts({ csr: parseCsr(der), old: await leafCertificate() }).then(plan)).rejects.toMatchObject({ code: 'CSR_SIGNATURE' });
  });

  it.each([
    ['with another key', { keys: 'other', subject }, 'KEY_MISMATCH'],
    ['for another subject', { keys: 'leaf', subject: 'O=Test, CN=Other' }, 'SUBJECT_MISMATCH'],
    ["for the old one's subject and more", { keys: 'leaf', subject: 'O=Test, CN=Leaf, OU=x' }, 'SUBJECT_MISMATCH'],
  ])('%s', async (_what, csr, code) => {
    await expect(
      facts({ old: await leafCertificate(), csrOptions: { keys: csr.keys === 'leaf' ? leafKeys : otherKeys, subject: csr.subject } }).then(
        plan,
      ),
    ).rejects.toMatchObject({ code });
  });

  it.each(['', 'caCrossCert', 'cacacert', 'constructor', '__proto__'])("for the unknown profile '%s'", async (profile) => {
    await expect(facts({ profile, old: await leafCertificate() }).then(plan)).rejects.toMatchObject({ code: 'PROFILE_UNKNOWN' });
  });

  it('with a weak key, and with a weak digest', async () => {
    await expect(facts({ csrOptions: { keys: await makeKeys('rsa1024') } }).then(plan)).rejects.toMatchObject({ code: 'WEAK_KEY' });
    await expect(facts({ csrOptions: { keys: await makeKeys('rsaSha1') } }).then(plan)).rejects.toMatchObject({ code: 'WEAK_DIGEST' });
  });
});
