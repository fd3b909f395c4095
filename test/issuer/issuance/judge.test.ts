/**
 * Design rule 3 where an administrator orders: each fault alone keeps a certificate from being signed, or from being handed out. The CA's
 * key is in software: nothing here is a token's.
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { expect, it } from 'vitest';
import type { SignatureAlgorithm } from '../../../src/config/signature-algorithm.js';
import { judgeFor } from '../../../src/issuer/token/issuance/judge.js';
import { sequence } from '../../../src/x509/der.js';
import { caBasicConstraints, keyUsageExtension } from '../../../src/x509/extensions/extensions.js';
import { subjectFromText } from '../../../src/x509/names/subject-text.js';
import { parseCertificate } from '../../../src/x509/parse-certificate.js';
import { findPath } from '../../../src/x509/path.js';
import { algorithmIdentifier } from '../../../src/x509/signature-algorithm.js';
import { assembleCertificate, buildTbsCertificate, type CertificateFields } from '../../../src/x509/tbs.js';

const algorithm: SignatureAlgorithm = { scheme: 'ecdsa', digest: 'sha256' };
const signatureAlgorithm = algorithmIdentifier(algorithm);
const now = new Date('2026-11-26T12:00:00Z');
const day = 86_400_000;
const from = (days: number) => new Date(now.getTime() + days * day);
const pair = () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, spki: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })) };
};
const [ca, leaf, other] = [pair(), pair(), pair()];
const signed = (tbs: Uint8Array, { privateKey }: typeof ca) => new Uint8Array(sign('sha256', tbs, privateKey));

const caName = subjectFromText('CN=Judge,O=Test');
const root = buildTbsCertificate({
  serial: Uint8Array.of(1),
  issuer: caName,
  subject: caName,
  spki: ca.spki,
  notBefore: from(-100),
  notAfter: from(1000),
  extensions: [caBasicConstraints, keyUsageExtension(['keyCertSign', 'cRLSign'])],
  signatureAlgorithm,
});
const certificate = parseCertificate(assembleCertificate(root, signatureAlgorithm, signed(root, ca)));
const authority = { certificate, pool: [certificate], path: pathOf(), id: new Uint8Array() };
const judge = judgeFor(authority, algorithm, now);

function pathOf() {
  const path = findPath(certificate, [certificate]);
  if ('fault' in path) throw new Error(path.fault);
  return path;
}

const tbsWith = (changes: Partial<CertificateFields> = {}) =>
  buildTbsCertificate({
    serial: Uint8Array.of(2),
    issuer: caName,
    subject: subjectFromText('CN=leaf'),
    spki: leaf.spki,
    notBefore: from(-1),
    notAfter: from(100),
    extensions: [],
    signatureAlgorithm,
    ...changes,
  });

it('nothing is amiss with a right one, before it is signed and after', () => {
  const tbs = tbsWith();
  const drafted = judge.judgeUnsigned(tbs, leaf.spki);
  expect('key' in drafted && drafted.key?.export({ format: 'der', type: 'spki' })).toEqual(Buffer.from(leaf.spki));
  const signature = signed(tbs, ca);
  expect(judge.isSigned(tbs, signature)).toBe(true);
  expect(judge.judge(assembleCertificate(tbs, signatureAlgorithm, signature), leaf.spki)).toBeUndefined();
});

it.each<[string, Uint8Array, RegExp]>([
  ['of another issuer', tbsWith({ issuer: subjectFromText('CN=Another') }), /does not find it issued by CN=Judge/u],
  ['for another key', tbsWith({ spki: other.spki }), /its key is not the key of the request/u],
  ['that has expired', tbsWith({ notBefore: from(-3), notAfter: from(-2) }), /^it .*expired/u],
  ['that is not valid yet', tbsWith({ notBefore: from(2) }), /^it .*valid/u],
  ['that nobody can read', tbsWith({ subject: sequence(Uint8Array.of(0x05, 0x00)) }), /^OpenSSL cannot read it/u],
])('one %s is refused, signed or not', (_what, tbs, why) => {
  expect(judge.judgeUnsigned(tbs, leaf.spki)).toEqual({ fault: expect.stringMatching(why) as string });
  expect(judge.judge(assembleCertificate(tbs, signatureAlgorithm, signed(tbs, ca)), leaf.spki)).toMatch(why);
});

it('a signature by another key, or of another certificate, is none', () => {
  const tbs = tbsWith();
  for (const signature of [signed(tbs, other), signed(tbsWith({ serial: Uint8Array.of(3) }), ca), new Uint8Array(), new Uint8Array(70)]) {
    expect(judge.isSigned(tbs, signature)).toBe(false);
    expect(judge.judge(assembleCertificate(tbs, signatureAlgorithm, signature), leaf.spki)).toMatch(/not by the key of CN=Judge/u);
  }
});

it('where the CA has expired nothing is judged at all', () => {
  expect(() => judgeFor(authority, algorithm, from(1001))).toThrow(/Nothing CN=Judge,O=Test signs would be valid/u);
});
