/** What `--eku` may say, and for which profile. */
import { expect, it } from 'vitest';
import { profiles } from '../../../src/issuer/profiles.js';
import { orderedRequest } from '../../../src/issuer/token/issuance/order.js';
import { assertUsagesFit, withheldUsages, withUsages } from '../../../src/issuer/token/issuance/ordered-usages.js';
import { extendedKeyUsageExtension } from '../../../src/x509/extensions/extensions.js';
import { usagesFromText, usageText } from '../../../src/x509/extensions/usage-text.js';
import { oids } from '../../../src/x509/oids.js';
import { parseCsr } from '../../../src/x509/parse-csr.js';
import { standInRequest } from '../../../src/x509/stand-in-request.js';
import { subjectFromText } from '../../../src/x509/names/subject-text.js';

it('names in any case and OIDs, each once, in the order they are said', () => {
  expect(usagesFromText('clientauth, serverAuth,1.3.6.1.5.2.3.5,1.3.6.1.5.5.7.3.2')).toEqual([
    oids.clientAuth,
    oids.serverAuth,
    '1.3.6.1.5.2.3.5',
  ]);
  for (const name of ['serverAuth', 'clientAuth', 'codeSigning', 'emailProtection', 'timeStamping', 'OCSPSigning'])
    expect(usagesFromText(name).map(usageText)).toEqual([name]);
});

it.each([
  ['', /'' is no extended key usage; there are serverAuth, clientAuth/u],
  ['serverAuth,,clientAuth', /'' is no extended key usage/u],
  ['tls', /'tls' is no extended key usage/u],
  ['constructor', /'constructor' is no extended key usage/u],
  ['1.40.1', /'1.40.1' is no extended key usage/u],
  ['anyExtendedKeyUsage', /anyExtendedKeyUsage is not issued/u],
  ['serverAuth,2.5.29.37.0', /anyExtendedKeyUsage is not issued/u],
])('%j is refused', (text, why) => {
  expect(() => usagesFromText(text)).toThrow(why);
});

it.each([
  ['caCACert', [oids.serverAuth], /^A CA is issued without extended key usages/u],
  ['caOCSPCert', [oids.clientAuth], /of no use without OCSPSigning/u],
  ['caServerCert', [oids.clientAuth], /of no use without serverAuth/u],
  ['caUserCert', [oids.clientAuth, oids.ocspSigning], /goes with --profile ocsp alone/u],
  ['caUserCert', [oids.timeStamping, oids.clientAuth], /stands alone in a certificate \(RFC 3161/u],
] as const)('%s is not issued with %j', (profile, usages, why) => {
  expect(() => {
    assertUsagesFit(profiles[profile], usages);
  }).toThrow(why);
});

it.each([
  ['caOCSPCert', [oids.ocspSigning]],
  ['caServerCert', [oids.serverAuth, oids.clientAuth, '1.3.6.1.5.2.3.5']],
  ['caSignedLogCert', [oids.timeStamping]],
  ['caUserCert', [oids.codeSigning]],
] as const)('%s is, with %j', (profile, usages) => {
  assertUsagesFit(profiles[profile], usages);
  expect(withUsages(profiles[profile].issue!, usages).extendedKeyUsage).toEqual(usages);
});

it('Netscape’s words follow the usages, and a time stamp’s key encrypts nothing', () => {
  expect(withUsages(profiles.caServerCert.issue!, [oids.serverAuth, oids.clientAuth]).netscape).toEqual(['server', 'client']);
  expect(withUsages(profiles.caUserCert.issue!, [oids.timeStamping]).keyUsage).toEqual(['digitalSignature', 'nonRepudiation']);
});

it('usages are part of the order, and an order without is the one it was before there were any', () => {
  const csr = parseCsr(standInRequest(subjectFromText('CN=a')));
  const key = (more: object) => orderedRequest(csr, { profile: profiles.caUserCert, ...more }, csr.spki);
  const orders = [{}, { extendedKeyUsage: [oids.clientAuth] }, { extendedKeyUsage: [oids.codeSigning] }].map(key);
  expect(new Set(orders).size).toBe(3);
  expect(key({ extendedKeyUsage: [oids.codeSigning] })).toBe(orders[2]);
});

it('what a request asks for in vain is told where nobody said what it is to get', () => {
  const asked = [extendedKeyUsageExtension([oids.serverAuth, oids.clientAuth])];
  expect(withheldUsages(asked, { profile: profiles.caServerCert })).toEqual([oids.clientAuth]);
  expect(withheldUsages(asked, { profile: profiles.caServerCert, extendedKeyUsage: [oids.serverAuth] })).toEqual([]);
  expect(withheldUsages(asked, { profile: profiles.caCACert })).toEqual([]);
  expect(withheldUsages([], { profile: profiles.caServerCert })).toEqual([]);
});
