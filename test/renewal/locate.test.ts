import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { IssuedRow } from '../../src/ledger/issued.js';
import { locate } from '../../src/renewal/steps/locate.js';
import { fault, prove, proveFileKey } from '../../src/renewal/steps/prove.js';
import type { Certificate } from '../../src/x509/certificate.js';
import { keyFingerprint } from '../../src/x509/public-key.js';
import { parseCertificate } from '../../src/x509/parse-certificate.js';
import { createAuthority, dogtagCertificates, type CertificateSpec } from '../rig/authority.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { createSoftToken } from '../rig/soft-token.js';

const [caSpec, ocspSpec] = dogtagCertificates as [CertificateSpec, CertificateSpec];
let directory: PrivateDirectory;
let named: (nickname: string) => Certificate;

beforeAll(async () => {
  directory = privateDirectory('locate');
  // To the second: they are made one after the other.
  const end = new Date(Date.now() + 700 * 86_400_000).toISOString();
  const ocsp = (nickname: string, change: Partial<CertificateSpec>) => ({ ...ocspSpec, keyOf: 'ocsp', nickname, ...change });
  const authority = await createAuthority(await createSoftToken({ directory: directory.path }), {
    each: { bits: 2048 },
    certificates: [
      { ...caSpec, nickname: 'ca', daysLeft: 2000 },
      { ...caSpec, nickname: 'ca 2', keyOf: 'ca', daysLeft: 4000 },
      { ...caSpec, nickname: 'other ca', daysLeft: 2000, subject: [{ CN: ['Another CA'] }], issuer: 'other ca' },
      { ...ocspSpec, nickname: 'ocsp' },
      ocsp('newer', { daysLeft: 400 }),
      ocsp('newest', { notAfter: end, ageDays: 0 }),
      ocsp('newest too', { notAfter: end, ageDays: 0 }),
      ocsp('other subject', { daysLeft: 800, subject: [{ CN: ['Somebody else'] }] }),
      { ...ocspSpec, nickname: 'other key', daysLeft: 800 },
      ocsp('other identifier', { daysLeft: 800, subjectKeyId: '0102030405060708' }),
      ocsp('a ca', { daysLeft: 800, profile: 'caCACert', issuer: 'ca' }),
      ocsp('not yet', { daysLeft: 800, ageDays: -1 }),
      ocsp('stranger', { daysLeft: 800, issuer: 'other ca' }),
      { ...caSpec, nickname: 'sub', daysLeft: 1500, subject: [{ CN: ['Sub'] }], issuer: 'other ca' },
      ocsp('below sub', { daysLeft: 800, issuer: 'sub' }),
    ],
  });
  named = (nickname) => parseCertificate(authority.certificate(nickname).der);
});
afterAll(() => {
  directory.remove();
});

const nothing = { place: 'on the token', stored: [], copies: [], before: [] };

describe('the new certificate', () => {
  test('is found by what it says, in whatever order the token lists the objects', () => {
    const all = ['ocsp', 'newer', 'newest'].map(named);
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: 3 }), fc.subarray(all), (stored, copies) => {
        const located = locate('n', { ...nothing, stored, copies });
        expect(located.certificate).toEqual(named('newest'));
        expect(located.superseded).toEqual([named('newer'), named('ocsp')]);
      }),
    );
  });

  test('is the same one each time where two end together, and the twin is left alone', () => {
    const twins = [named('newest'), named('newest too')];
    const [one, other] = [twins, twins.toReversed()].map((stored) => locate('n', { ...nothing, stored }));
    expect(one!.certificate.der).toEqual(other!.certificate.der);
    expect(one!.superseded).toEqual([]);
    expect(one!.others).toHaveLength(1);
  });

  test.each([
    ['other key', 'KEY_MISMATCH'],
    ['other subject', 'SUBJECT_MISMATCH'],
  ])('with %s than the one before is refused', (nickname, code) => {
    expect(() => locate('n', { ...nothing, stored: [named('ocsp'), named(nickname)], before: [named('ocsp')] })).toThrow(
      expect.objectContaining({ code }),
    );
  });

  test('missing on the token is missing, whatever the database has', () => {
    expect(() => locate('n', { ...nothing, copies: [named('newest')] })).toThrow(
      expect.objectContaining({ code: 'CERTIFICATE_NOT_FOUND' }),
    );
  });

  test('supersedes what the journal remembers although it is gone everywhere', () => {
    expect(locate('n', { ...nothing, stored: [named('newest')], before: [named('ocsp')] }).superseded).toEqual([named('ocsp')]);
  });
});

describe('proving', () => {
  const judged = (nickname: string, change: object = {}) =>
    fault({
      now: new Date(),
      certificate: named(nickname),
      superseded: [named('ocsp')],
      authorities: [named('ca'), named('ca 2')],
      issued: [],
      ...change,
    });

  test('a right one has no fault, whether or not the CA was renewed before', () => {
    expect(judged('newest')).toBeUndefined();
    expect(judged('newest', { authorities: [named('ca 2')] })).toBeUndefined();
    expect(fault({ now: new Date(), certificate: named('ca 2'), superseded: [named('ca')], authorities: [], issued: [] })).toBeUndefined();
  });

  test.each([
    ['other identifier', /identifier/u],
    ['a ca', /CA certificate/u],
    ['not yet', /not valid before/u],
    ['stranger', /no certificate of CN=Another CA is at hand/u],
  ])('%s is at fault', (nickname, why) => {
    expect(judged(nickname)).toMatch(why);
  });

  test('a CA that became a leaf is at fault', () => {
    expect(judged('newest', { superseded: [named('ca')] })).toMatch(/no CA certificate/u);
  });

  const row = (certificate: Certificate, revokedAt?: Date) =>
    ({
      certificate: certificate.der,
      notAfter: certificate.notAfter,
      subjectKey: keyFingerprint(certificate.spki),
      ...(revokedAt === undefined ? {} : { revokedAt }),
    }) as IssuedRow;

  test('one that the ledger has as revoked is at fault; a later one that never arrived is a warning', () => {
    expect(judged('newest', { issued: [row(named('newest'), new Date())] })).toMatch(/revoked/u);
    const judgement = {
      now: new Date(),
      certificate: named('newer'),
      superseded: [],
      authorities: [named('ca')],
      issued: [row(named('newest'))],
    };
    expect(prove('n', judgement, 'ours')).toEqual([expect.stringContaining("run 'hsmonger renew'")]);
  });

  test('an issuer nobody has is a warning where another CA signs, a fault where ours does', () => {
    const judgement = { now: new Date(), certificate: named('stranger'), superseded: [], authorities: [named('ca')], issued: [] };
    expect(prove('n', judgement, 'of another')).toEqual([expect.stringContaining('CN=Another CA')]);
    expect(() => prove('n', judgement, 'ours')).toThrow(expect.objectContaining({ code: 'RENEWAL_FAILED' }));
  });
});

describe('of a chain of three of which one is not at hand', () => {
  const pool = (...nicknames: string[]) => nicknames.map(named);
  test.each([
    ['of another', pool, ['sub'], /^CN=Another CA, a CA above 'n', is neither/u],
    ['of another', pool, [], /^CN=Sub, a CA above 'n', is neither/u],
    ['of another', pool, ['sub', 'other ca'], undefined],
    ['follows', pool, ['sub'], undefined],
    ['follows', pool, [], undefined],
  ] as const)('%s: %# says what is missing, or leaves it to the step that looks for it', (chain, at, nicknames, sentence) => {
    const said = prove(
      'n',
      { now: new Date(), certificate: named('below sub'), superseded: [], authorities: at(...nicknames), issued: [] },
      chain,
    );
    expect(said).toEqual(sentence === undefined ? [] : [expect.stringMatching(sentence)]);
  });

  test('what is wrong in itself is refused all the same', () => {
    const judgement = { now: new Date(), certificate: named('below sub'), superseded: [named('ca')], authorities: [], issued: [] };
    expect(() => prove('n', judgement, 'follows')).toThrow(expect.objectContaining({ code: 'RENEWAL_FAILED' }));
  });
});

describe('a key in a file', () => {
  test("is the certificate's", () => {
    expect(proveFileKey('n', { publicKey: named('ocsp').spki, troubles: [] }, named('newest'))).toEqual([]);
    expect(() => proveFileKey('n', { publicKey: named('other key').spki, troubles: [] }, named('newest'))).toThrow(
      expect.objectContaining({ code: 'KEY_MISMATCH' }),
    );
  });

  test('that could not be read is a warning with the reason', () => {
    expect(proveFileKey('n', { troubles: ['The key cannot be read.'] }, named('newest'))).toEqual([
      "The key of 'n' was not compared with its new certificate. The key cannot be read.",
    ]);
    expect(proveFileKey('n', undefined, named('newest'))).toEqual(["The key of 'n' was not compared with its new certificate."]);
  });
});
