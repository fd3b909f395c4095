import { beforeAll, describe, expect, test } from 'vitest';
import type { CertificateConfig } from '../../src/config/instance.js';
import { systemCertificates } from '../../src/freeipa/system-certificates.js';
import { warningsOf } from '../../src/tracking/freeipa-table.js';
import type { TrackingFacts } from '../../src/tracking/facts.js';
import { goodFacts, makePair, makeRequest } from './facts.js';

const freeipa = { subjectBase: 'O=X', lockFile: '/l', csrFile: '/c', masterGoneDays: 7 };
const file = { kind: 'file', certificate: '/ra.pem', key: '/ra.key' } as const;
const asFreeIpa: readonly CertificateConfig[] = systemCertificates.map(({ nickname, profile, storage }) => ({
  nickname,
  profile,
  storage: storage === 'file' ? file : { kind: storage },
}));
let good: TrackingFacts;

beforeAll(async () => {
  good = goodFacts([await makePair('one')]);
});

const warnings = (certificates: readonly CertificateConfig[], requests: TrackingFacts['requests'] = [], more: object = { freeipa }) =>
  warningsOf({ instance: { ...good.instance, certificates, ...more }, requests }).map(({ problem }) => problem);
const changed = (nickname: string, change: Partial<CertificateConfig>) =>
  asFreeIpa.map((certificate) => (certificate.nickname === nickname ? { ...certificate, ...change } : certificate));

describe("an IPA server's instance file", () => {
  test("that says what FreeIPA's table says gives no warning, with an HSM and without", () => {
    expect(warnings(asFreeIpa)).toEqual([]);
    expect(
      warnings(
        asFreeIpa.map((certificate) =>
          certificate.storage.kind === 'token' ? { ...certificate, storage: { kind: 'internal' } } : certificate,
        ),
      ),
    ).toEqual([]);
  });

  test.each<[string, Partial<CertificateConfig>, string]>([
    [
      'auditSigningCert cert-pki-ca',
      { profile: 'caAuditSigningCert' },
      'with profile caSignedLogCert, /etc/hsmonger/testca.toml says caAuditSigningCert',
    ],
    ['Server-Cert cert-pki-ca', { storage: { kind: 'token' } }, 'in the NSS database itself, /etc/hsmonger/testca.toml says on the token'],
    [
      'transportCert cert-pki-kra',
      { storage: { kind: 'internal' } },
      'on the token, /etc/hsmonger/testca.toml says in the NSS database itself',
    ],
    ['ipaCert', { storage: { kind: 'internal' } }, 'in files, /etc/hsmonger/testca.toml says in the NSS database itself'],
  ])('with another %s, %j, is warned of', (nickname, change, problem) => {
    const [found, ...more] = warnings(changed(nickname, change));
    expect(more).toEqual([]);
    expect(found).toContain(problem);
    expect(warnings(changed(nickname, change), [], {})).toEqual([]);
  });

  test('names the authority of a lightweight CA, whose certificate lies where the CA has its own', () => {
    const authority = '0fc2d5ab-2b6e-4c0b-9d3c-0c4d6b0d7d11';
    const subCa: CertificateConfig = {
      nickname: `caSigningCert cert-pki-ca ${authority}`,
      profile: 'caCACert',
      storage: { kind: 'token' },
      authority,
    };
    expect(warnings([...asFreeIpa, subCa])).toEqual([]);
    expect(warnings([...asFreeIpa, { nickname: subCa.nickname, profile: 'caCACert', storage: { kind: 'internal' } }])).toMatchObject(
      [/keeps .* on the token/u, /does not say authority = "0fc2d5ab/u].map((pattern) => expect.stringMatching(pattern) as string),
    );
  });
});

test('a request of our CA that nothing in the instance file is about is told; those that are renamed, removed, or of others are not', () => {
  const storage = { 'cert-storage': 'NSSDB', 'cert-database': '/etc/alias', 'cert-nickname': 'forgotten' };
  const requests = [
    makeRequest({ nickname: '20260101', ...storage }, 'testca'),
    makeRequest({ nickname: '20260102', ...storage, 'cert-nickname': 'ipa' }, 'IPA'),
    makeRequest({ nickname: 'testca.gone', ...storage, 'cert-nickname': 'gone' }, 'testca'),
    makeRequest({ nickname: '20260103', ...storage, 'cert-nickname': 'one' }, 'testca'),
  ];
  expect(warningsOf({ ...good, requests })).toEqual([
    { check: 'unclaimed-requests', problem: expect.stringContaining("request '20260101' (forgotten) goes to CA 'testca'") as string },
  ]);
});
