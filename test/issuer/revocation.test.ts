import { beforeAll, describe, expect, it } from 'vitest';
import { parseReason } from '../../src/config/revocation-reason.js';
import { elsewhere } from '../../src/cli/ca/ledger/owner.js';
import { crlEntries } from '../../src/issuer/token/revocation/crl-entries.js';
import { decideRevocation, type RevocationFacts, type RevocationWish } from '../../src/issuer/token/revocation/decide-revocation.js';
import type { Revocation, RevokedRow } from '../../src/ledger/revocation.js';
import type { Certificate } from '../../src/x509/certificate.js';
import { assembleCrl, buildTbsCertList } from '../../src/x509/crl/build.js';
import { parseCrl } from '../../src/x509/crl/parse.js';
import { keyFingerprint, keyIdentifier } from '../../src/x509/public-key.js';
import { algorithmIdentifier } from '../../src/x509/signature-algorithm.js';
import { caExtensions, day, hex, makeCertificate, makeKeys, now, type Keys } from '../x509/material.js';
import { openssl } from '../x509/openssl.js';

let caKeys: Keys;
let ca: Certificate;
let leaf: Certificate;
const inDays = (days: number) => new Date(now.getTime() + days * day);

beforeAll(async () => {
  const [made, leafKeys] = await Promise.all([makeKeys('p256'), makeKeys('p256')]);
  caKeys = made;
  ca = await makeCertificate({ keys: caKeys, extensions: caExtensions() });
  leaf = await makeCertificate({ keys: leafKeys, subject: 'CN=Leaf', by: { keys: caKeys, certificate: ca } });
});

describe('a revocation', () => {
  const decide = (wish: RevocationWish, present?: Revocation, certificate = leaf) => {
    const facts: RevocationFacts = { certificate, issuerKey: keyFingerprint(ca.spki), ...(present === undefined ? {} : { present }) };
    return decideRevocation(now, facts, wish);
  };
  const hold: Revocation = { at: inDays(-9), reason: 'certificateHold' };

  it('is written with time, reason and the date its key was lost', () => {
    expect(decide({ reason: 'keyCompromise', invalidity: inDays(-3) })).toEqual({
      kind: 'revoke',
      revocation: { at: now, reason: 'keyCompromise', invalidity: inDays(-3) },
    });
  });

  it('over a hold counts from the hold; the end of a hold is possible only there', () => {
    expect(decide({ reason: 'superseded' }, hold)).toEqual({ kind: 'revoke', revocation: { at: inDays(-9), reason: 'superseded' } });
    expect(decide({ reason: 'removeFromCRL' }, hold)).toEqual({ kind: 'end hold', at: now });
  });

  it.each<[string, RevocationWish, Revocation | undefined, RegExp]>([
    [
      'what is revoked already, and says since when',
      { reason: 'unspecified' },
      { at: inDays(-9), reason: 'superseded' },
      /was revoked already, at 2026-11-14T12:00:00Z \(superseded\)/u,
    ],
    [
      'to take back what is no hold',
      { reason: 'removeFromCRL' },
      { at: inDays(-9), reason: 'superseded' },
      /revoked for good since 2026-11-14T12:00:00Z/u,
    ],
    ['to take back what is not revoked', { reason: 'removeFromCRL' }, undefined, /is not on hold/u],
    ['a second hold', { reason: 'certificateHold' }, { at: inDays(-9), reason: 'certificateHold' }, /is on hold already/u],
    ['a date that is still to come', { reason: 'keyCompromise', invalidity: inDays(1) }, undefined, /still to come/u],
  ])('refuses %s', (_what, wish, present, sentence) => {
    expect(() => decide(wish, present)).toThrow(
      expect.objectContaining({ code: 'REVOCATION_REFUSED', message: expect.stringMatching(sentence) as string }) as Error,
    );
  });

  it("refuses the CA's own", () => {
    expect(() => decide({ reason: 'cACompromise' }, undefined, ca)).toThrow(/no CA revokes itself/u);
  });

  it('has a reason of RFC 5280, however it is written', () => {
    expect(parseReason('CACompromise')).toBe('cACompromise');
    expect(parseReason('removefromcrl')).toBe('removeFromCRL');
    expect(parseReason('7')).toBeUndefined();
    expect(parseReason('toString')).toBeUndefined();
  });
});

describe('a CRL', () => {
  const row = (overrides: Partial<RevokedRow> = {}): RevokedRow => ({
    issuerKey: keyFingerprint(ca.spki),
    serial: hex(leaf.serial),
    at: inDays(-9),
    reason: 'superseded',
    notAfter: inDays(-5),
    certificate: leaf.der,
    ...overrides,
  });

  it('lists an expired certificate until it was on one CRL made after it expired', () => {
    expect(crlEntries([row()], ca, undefined)).toHaveLength(1);
    expect(crlEntries([row()], ca, { thisUpdate: inDays(-6) })).toHaveLength(1);
    expect(crlEntries([row()], ca, { thisUpdate: inDays(-4) })).toHaveLength(0);
    // Revoked after it expired, and after the last CRL.
    expect(crlEntries([row({ at: inDays(-3) })], ca, { thisUpdate: inDays(-4) })).toHaveLength(1);
    expect(crlEntries([row({ notAfter: inDays(5) })], ca, { thisUpdate: inDays(-4) })).toHaveLength(1);
  });

  it('lists what an earlier key of the same name signed, and nothing of another name', async () => {
    const keys = await makeKeys('p256');
    const stranger = await makeCertificate({ keys, subject: 'CN=Other' });
    expect(crlEntries([row({ issuerKey: 'old' }), row({ issuerKey: 'other', certificate: stranger.der })], ca, undefined)).toMatchObject([
      { serial: leaf.serial },
    ]);
  });

  it.each([0, 1, 50_000])('of %i entries is read by openssl as it was written, dates after 2049 too', (count) => {
    const signatureAlgorithm = algorithmIdentifier({ scheme: 'ecdsa', digest: 'sha256' });
    const entries = Array.from({ length: count }, (_, index) => ({
      serial: Uint8Array.of(0x40, index >> 16, (index >> 8) & 0xff, index & 0xff),
      revokedAt: new Date('2050-01-01T00:00:00Z'),
      reason: 'aACompromise' as const,
    }));
    const tbs = buildTbsCertList({
      issuer: ca.subject,
      keyId: keyIdentifier(ca.spki),
      number: 2n ** 158n,
      thisUpdate: new Date('2049-12-31T23:59:59Z'),
      nextUpdate: new Date('2050-01-01T00:00:00Z'),
      entries,
      signatureAlgorithm,
    });
    const der = assembleCrl(tbs, signatureAlgorithm, Uint8Array.of(1));
    expect(parseCrl(der, 'It')).toMatchObject({
      entries: count,
      number: 2n ** 158n,
      issuer: ca.subject,
      thisUpdate: new Date('2049-12-31T23:59:59Z'),
      nextUpdate: new Date('2050-01-01T00:00:00Z'),
    });
    if (count > 1000) return;
    expect(openssl(['asn1parse', '-inform', 'DER'], der).toString()).toMatch(
      /UTCTIME {11}:491231235959Z[^]*GENERALIZEDTIME {3}:20500101000000Z/u,
    );
    expect(openssl(['crl', '-inform', 'DER', '-noout', '-crlnumber'], der).toString()).toBe(
      'crlNumber=0x4000000000000000000000000000000000000000\n',
    );
  });

  it.each<[string, (der: Buffer) => Buffer]>([
    ['cut short', (der) => der.subarray(0, -1)],
    ['a certificate', () => Buffer.from(ca.der)],
    ['nothing', () => Buffer.alloc(0)],
  ])('that is %s is refused', (_what, spoil) => {
    const signatureAlgorithm = algorithmIdentifier({ scheme: 'ecdsa', digest: 'sha256' });
    const tbs = buildTbsCertList({
      issuer: ca.subject,
      keyId: keyIdentifier(ca.spki),
      number: 1n,
      thisUpdate: now,
      nextUpdate: inDays(1),
      entries: [],
      signatureAlgorithm,
    });
    expect(() => parseCrl(spoil(Buffer.from(assembleCrl(tbs, signatureAlgorithm, Uint8Array.of(1)))), 'It')).toThrow(
      expect.objectContaining({ code: 'CRL_INVALID' }) as Error,
    );
  });
});

describe('on a shared token', () => {
  const server = (host: string, renewalMaster: boolean, here = false) => ({ host, renewalMaster, here });

  it('the renewal master goes on, everybody else is told where', () => {
    expect(elsewhere([server('ca1', true, true), server('ca2', false)], 'revoke it')).toBeUndefined();
    expect(elsewhere([server('ca1', true), server('ca2', false, true)], 'revoke it')).toBe("'ca1' is it; revoke it there");
    expect(elsewhere([server('ca1', false), server('ca2', false, true)], 'revoke it')).toMatch(
      /nobody is it; .* 'hsmonger master set', and revoke it there/u,
    );
  });
});
