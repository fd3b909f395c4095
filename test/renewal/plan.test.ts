import { parse } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { parseInstance } from '../../src/config/schema.js';
import { hasChain, serverOf, stepsFor } from '../../src/renewal/plan.js';
import { isDue, retryDelay } from '../../src/renewal/report.js';
import { caExtensions, makeCertificate, makeKeys } from '../x509/material.js';

const base = '[token]\nlabel="t"\nmodule="/m.so"\npin-file="/p"\n[nss]\ndatabase="/n"\n[issuer]\ntype="external"\ncertificate="ca"\n';
const directory = '[directory]\nuri="ldapi://%2Frun%2Fx"\nbind="external"\nbase="dc=x"\nhost="a.x"\n';
const oldPki = '[pki]\nunit="pki.service"\ncertificates-in-config=true\n';
const newPki = '[pki]\nunit="pki.service"\n';
const ipa = directory + oldPki;

function planOf(nickname: string, profile: string, extra: string, storage = '') {
  const instance = parseInstance(
    'x',
    '/x.toml',
    parse(`${base}${extra}[[certificate]]\nnickname="${nickname}"\nprofile="${profile}"\n${storage}`),
  );
  return { instance, certificate: instance.certificates[0]! };
}

const onToken = ['trusted', 'archived', 'removed from token', 'removed from database'];
const internally = ['trusted', 'archived', 'removed from database'];
const internal = 'token="internal"\n';
const file = 'certificate-file="/ra.pem"\nkey-file="/ra.key"\n';

describe('what saving a certificate takes', () => {
  test.each([
    ['caSigningCert cert-pki-ca', 'caCACert', '', '', onToken],
    ['caSigningCert cert-pki-ca', 'caCACert', ipa, '', [...onToken, 'configured', 'authority updated', 'published']],
    ['caSigningCert cert-pki-ca', 'caCACert', directory + newPki, '', [...onToken, 'authority updated', 'published']],
    [
      'caSigningCert cert-pki-ca 5d7b',
      'caCACert',
      ipa,
      'authority="123e4567-e89b-42d3-a456-426614174000"\n',
      [...onToken, 'authority updated'],
    ],
    ['ocspSigningCert cert-pki-ca', 'caOCSPCert', ipa, '', [...onToken, 'configured']],
    ['subsystemCert cert-pki-ca', 'caSubsystemCert', ipa, '', [...onToken, 'configured', 'users updated']],
    ['subsystemCert cert-pki-ca', 'caSubsystemCert', oldPki, '', [...onToken, 'configured']],
    ['auditSigningCert cert-pki-kra', 'caAuditSigningCert', ipa, '', [...onToken, 'configured']],
    ['transportCert cert-pki-kra', 'caTransportCert', ipa, '', [...onToken, 'configured']],
    ['transportCert cert-pki-kra', 'caTransportCert', newPki, '', [...onToken, 'configured']],
    ['storageCert cert-pki-kra', 'caStorageCert', newPki, '', onToken],
    ['Server-Cert cert-pki-ca', 'caServerCert', ipa, internal, [...internally, 'configured']],
    ['ipaCert', 'caSubsystemCert', ipa, file, ['archived', 'users updated']],
    ['web', 'caServerCert', ipa, file, ['archived']],
  ])("'%s' (%s) with %j %j", (nickname, profile, extra, storage, steps) => {
    const { instance, certificate } = planOf(nickname, profile, extra, storage);
    expect(stepsFor(instance, certificate, false)).toEqual(['announced', 'located', 'proven', ...steps, 'checked', 'in service', 'done']);
  });
});

test.each([
  ['', ['chain trusted']],
  [ipa, ['chain trusted', 'configured', 'authority updated', 'published']],
])("the CA's own, signed by another CA, with %j: what stands above it comes first", (extra, followUps) => {
  const { instance, certificate } = planOf('caSigningCert cert-pki-ca', 'caCACert', extra);
  expect(stepsFor(instance, certificate, true)).toEqual([
    'announced',
    'located',
    'proven',
    ...onToken,
    ...followUps,
    'checked',
    'in service',
    'done',
  ]);
});

describe('a chain belongs into the NSS database', () => {
  test.each([
    ['ca', 'caCACert', '', true, true],
    ['ca', 'caCACert', '', false, false],
    ['ca', 'caCACert', internal, true, true],
    ['ca', 'caCACert', file, true, false],
    ['sub', 'caCACert', 'authority="123e4567-e89b-42d3-a456-426614174000"\n', true, false],
    ['ocsp', 'caOCSPCert', '', true, false],
  ])("'%s' (%s) %j, signed by another: %j", async (nickname, profile, storage, byAnother, expected) => {
    const [keys, otherKeys] = await Promise.all([makeKeys('p256'), makeKeys('p256')]);
    const other = await makeCertificate({ keys: otherKeys, subject: 'CN=Other', extensions: caExtensions() });
    const signed = await makeCertificate({
      keys,
      extensions: caExtensions(),
      ...(byAnother ? { by: { keys: otherKeys, certificate: other } } : {}),
    });
    expect(hasChain(planOf(nickname, profile, '', storage).certificate, signed)).toBe(expected);
  });
});

test('a server is stopped for what lies in the NSS database or on the token, not for files', () => {
  const unit = (...args: Parameters<typeof planOf>) => {
    const { instance, certificate } = planOf(...args);
    return serverOf(instance, certificate);
  };
  expect(unit('ca', 'caCACert', ipa)).toBe('pki.service');
  expect(unit('s', 'caServerCert', ipa, internal)).toBe('pki.service');
  expect(unit('ipaCert', 'caSubsystemCert', ipa, file)).toBeUndefined();
  expect(unit('ca', 'caCACert', directory)).toBeUndefined();
});

test.each([
  [0, 60],
  [59, 60],
  [90, 90],
  [600, 600],
  [3599, 3599],
  [86_400, 3600],
])('what has been left for %d seconds is tried again after %d: an hour without the directory costs a handful of tries', (waited, delay) => {
  const startedAt = new Date('2026-01-01T00:00:00Z');
  expect(retryDelay({ startedAt }, new Date(startedAt.getTime() + waited * 1000))).toBe(delay);
});

test.each([
  { what: 'killed a moment ago', started: 0, moved: 0, now: 60, due: false },
  { what: 'killed a minute ago', started: 0, moved: 0, now: 61, due: true },
  { what: 'tried again after ten minutes', started: 0, moved: 600, now: 1200, due: false },
  { what: 'tried again after ten minutes, and that as long ago', started: 0, moved: 600, now: 1201, due: true },
  { what: 'tried again before the clock was set back', started: 1000, moved: 2000, now: 10, due: true },
  { what: 'failing for days', started: 0, moved: 500_000, now: 503_601, due: true },
])('a saving $what is due: $due', ({ started, moved, now, due }) => {
  const at = (seconds: number) => new Date(seconds * 1000);
  expect(isDue({ startedAt: at(started), updatedAt: at(moved) }, at(now))).toBe(due);
});
