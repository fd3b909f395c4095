import { beforeAll, expect, test } from 'vitest';
import { authorityExpiry } from '../../src/doctor/checks/chain/authority-expiry.js';
import { authorityIsCa } from '../../src/doctor/checks/chain/authority-is-ca.js';
import { authorityOutlives } from '../../src/doctor/checks/chain/authority-outlives.js';
import { certificateExpiry } from '../../src/doctor/checks/chain/certificate-expiry.js';
import { chainValid } from '../../src/doctor/checks/chain/chain-valid.js';
import { digestsStrong } from '../../src/doctor/checks/chain/digests-strong.js';
import { keysStrong } from '../../src/doctor/checks/chain/keys-strong.js';
import { usagesFit } from '../../src/doctor/checks/chain/usages-fit.js';
import type { ChainFacts } from '../../src/doctor/facts/chain.js';
import { oids } from '../../src/x509/oids.js';
import type { Certificate } from '../../src/x509/certificate.js';
import {
  caConstraints,
  caExtensions,
  day,
  extendedKeyUsage,
  extension,
  keyUsage,
  leafConstraints,
  makeCertificate,
  makeKeys,
  now,
  usage,
  type CertificateOptions,
  type Keys,
} from '../x509/material.js';
import { unknownFacts } from './facts.js';

const checks = [chainValid, certificateExpiry, authorityExpiry, authorityOutlives, authorityIsCa, usagesFit, digestsStrong, keysStrong];
const at = (days: number) => new Date(now.getTime() + days * day);
let rootKeys: Keys;
let caKeys: Keys;
let leafKeys: Keys;
let sha1Keys: Keys;
let root: Certificate;
let ca: Certificate;
const caUsage = [caConstraints(), keyUsage(usage.keyCertSign | usage.cRLSign)];
const ocsp = [leafConstraints(), keyUsage(usage.digitalSignature), extendedKeyUsage(oids.ocspSigning), extension(oids.ocspNoCheck, [5, 0])];

beforeAll(async () => {
  [rootKeys, caKeys, leafKeys, sha1Keys] = await Promise.all([makeKeys(), makeKeys(), makeKeys('p256'), makeKeys('rsaSha1')]);
  root = await makeRoot({});
  ca = await makeCa({});
});

const makeRoot = (given: Partial<CertificateOptions>) =>
  makeCertificate({ keys: rootKeys, subject: 'CN=root', notAfter: at(5000), extensions: caExtensions(), ...given });
const makeCa = (given: Partial<CertificateOptions>) =>
  makeCertificate({
    keys: caKeys,
    subject: 'CN=ca',
    notAfter: at(2000),
    extensions: caUsage,
    by: { keys: rootKeys, certificate: root },
    ...given,
  });
const makeLeaf = (given: Partial<CertificateOptions>) =>
  makeCertificate({
    keys: leafKeys,
    subject: 'CN=ocsp',
    notAfter: at(300),
    extensions: ocsp,
    by: { keys: caKeys, certificate: ca },
    ...given,
  });

async function facts({
  leaf,
  profile = 'caOCSPCert',
  theCa = ca,
  roots = [root],
}: {
  readonly leaf?: Certificate;
  readonly profile?: string;
  readonly theCa?: Certificate;
  readonly roots?: readonly Certificate[];
} = {}): Promise<ChainFacts> {
  const certificates = [
    { nickname: 'ca', profile: 'caCACert', der: theCa.der },
    { nickname: 'leaf', profile, der: (leaf ?? (await makeLeaf({}))).der },
  ];
  return { certificates, atHand: [...roots, theCa].map(({ der }) => der), troubles: [] };
}

const all = (chain: ChainFacts) =>
  checks.flatMap((check) =>
    check.run({ ...unknownFacts(), now, chain: { known: true, value: chain } }).map((finding) => ({ check: check.name, ...finding })),
  );

test('healthy facts give one success each', async () => {
  const found = all(await facts());
  expect(found).toHaveLength(checks.length);
  expect(found.filter(({ severity }) => severity !== 'success')).toEqual([]);
});

/** What is broken, and the one finding that says so: check, severity, key, words of its sentence. */
const broken: readonly (readonly [string, () => Promise<ChainFacts>, string, string, string, RegExp])[] = [
  [
    'a leaf of which the end is near',
    async () => facts({ leaf: await makeLeaf({ notAfter: at(20) }) }),
    'CertificateExpiry',
    'warning',
    'leaf',
    /in 20 days\.$/u,
  ],
  [
    'a leaf with an hour left',
    async () => facts({ leaf: await makeLeaf({ notAfter: at(1 / 24) }) }),
    'CertificateExpiry',
    'warning',
    'leaf',
    /in less than a day\.$/u,
  ],
  [
    'a leaf that has expired',
    async () => facts({ leaf: await makeLeaf({ notAfter: at(-1) }) }),
    'CertificateExpiry',
    'critical',
    'leaf',
    /expired at/u,
  ],
  [
    'a leaf without its usages',
    async () => facts({ leaf: await makeLeaf({ extensions: [leafConstraints(), keyUsage(usage.digitalSignature)] }) }),
    'UsagesFit',
    'error',
    'leaf',
    /OCSPSigning; it lacks ocsp-nocheck/u,
  ],
  [
    'a leaf that may not do its work',
    async () =>
      facts({ profile: 'caStorageCert', leaf: await makeLeaf({ extensions: [leafConstraints(), keyUsage(usage.digitalSignature)] }) }),
    'UsagesFit',
    'error',
    'leaf',
    /allows neither keyEncipherment/u,
  ],
  [
    'a server that may not be one',
    async () =>
      facts({ profile: 'caServerCert', leaf: await makeLeaf({ extensions: [leafConstraints(), extendedKeyUsage(oids.clientAuth)] }) }),
    'UsagesFit',
    'error',
    'leaf',
    /lacks serverAuth/u,
  ],
  [
    'a leaf that is a CA',
    async () =>
      facts({
        profile: 'caSubsystemCert',
        leaf: await makeLeaf({ extensions: [caConstraints(), keyUsage(usage.digitalSignature | usage.keyCertSign)] }),
      }),
    'AuthorityIsCa',
    'error',
    'leaf',
    /is a CA certificate all the same/u,
  ],
  [
    'a weak signature',
    async () => {
      const weak = await makeCa({ keys: sha1Keys, subject: 'CN=ca', by: { keys: rootKeys, certificate: root } });
      return facts({ theCa: weak, leaf: await makeLeaf({ by: { keys: sha1Keys, certificate: weak } }) });
    },
    'DigestsStrong',
    'error',
    'leaf',
    /signed with SHA-1/u,
  ],
  [
    'a weak key',
    async () => facts({ leaf: await makeLeaf({ keys: await makeKeys('rsa1024') }) }),
    'KeysStrong',
    'error',
    'leaf',
    /The key of CN=ocsp, on which 'leaf' rests, has only 1024 bits/u,
  ],
];

test.each(broken)('%s is found, and that alone', async (_, make, check, severity, key, sentence) => {
  const found = all(await make()).filter((finding) => finding.severity !== 'success');
  expect(found).toEqual([
    expect.objectContaining({
      check,
      severity,
      key,
      message: expect.stringMatching(sentence) as string,
      fix: expect.any(String) as string,
    }),
  ]);
});

test('a certificate that lives for days only is told in the second half of its life', async () => {
  const told = async (from: number, to: number) =>
    all(await facts({ leaf: await makeLeaf({ notBefore: at(from), notAfter: at(to) }) }))
      .filter(({ severity }) => severity !== 'success')
      .map(({ check }) => check);
  expect(await told(-1, 6)).toEqual([]);
  expect(await told(-6, 1)).toEqual(['CertificateExpiry']);
});

test('a root that ends takes everything below with it', async () => {
  const old = await makeRoot({ notAfter: at(10) });
  const found = all(await facts({ roots: [old] })).filter(({ severity }) => severity !== 'success');
  expect(found.map(({ check, severity, key }) => [check, severity, key])).toEqual([
    ['AuthorityExpiry', 'warning', 'CN=root'],
    ['AuthorityOutlives', 'warning', 'ca'],
  ]);
});

test('the later of two certificates of one root counts', async () => {
  const old = await makeRoot({ notAfter: at(-1), serial: '0a' });
  expect(all(await facts({ roots: [old, root] })).filter(({ severity }) => severity !== 'success')).toEqual([]);
});

test('without the root no chain is found, and what could not be looked into is said', async () => {
  const lost = { ...(await facts({ roots: [] })), troubles: ['The directory did not answer.'] };
  const found = all(lost).filter(({ severity }) => severity !== 'success');
  expect(found.map(({ check, key }) => [check, key])).toEqual([
    ['ChainValid', 'ca'],
    ['ChainValid', 'leaf'],
  ]);
  expect(found[0]?.message).toMatch(/no certificate of CN=root is at hand.*The directory did not answer\.$/u);
});

test('a CA that became a leaf is critical', async () => {
  const fallen = await makeCa({ extensions: [leafConstraints(), keyUsage(usage.digitalSignature)] });
  const found = all(await facts({ theCa: fallen })).filter(({ severity }) => severity !== 'success');
  expect(found.map(({ check, severity, key }) => [check, severity, key])).toEqual([
    ['ChainValid', 'error', 'leaf'],
    ['AuthorityIsCa', 'critical', 'ca'],
    ['UsagesFit', 'error', 'ca'],
  ]);
});

test('certificates that could not be looked at are one finding', () => {
  const found = checks.flatMap((check) => check.run(unknownFacts()));
  expect(found).toEqual([
    expect.objectContaining({ severity: 'error', message: 'The certificates could not be looked at: The chain did not answer.' }),
  ]);
});
