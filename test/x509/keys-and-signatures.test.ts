import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bitString, contentOf, element, elementsIn, integer, objectIdentifier, sequence } from '../../src/x509/der.js';
import { parseCsr } from '../../src/x509/parse-csr.js';
import { assertStrongKey, keyFacts, keyIdentifier, openKey, sameKey } from '../../src/x509/public-key.js';
import { assertStrongDigest, signatureScheme, verifySignature } from '../../src/x509/signature.js';
import { algorithmIdentifier, fittingAlgorithm } from '../../src/x509/signature-algorithm.js';
import { wrappings } from '../../src/x509/wrappings.js';
import { certificateText, openssl, withFile } from './openssl.js';

const newKey = (...options: string[]) => openssl(['genpkey', '-outform', 'PEM', ...options]);
const rsa = newKey('-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048');
const csrOf = (key: Buffer, ...options: string[]) =>
  withFile(key, (file) => parseCsr(openssl(['req', '-new', '-key', file, '-subj', '/CN=x', '-outform', 'DER', ...options])));
const spkiOf = (key: Buffer) => Uint8Array.from(createPublicKey(key.toString()).export({ format: 'der', type: 'spki' }));
const hexes = (many: readonly Uint8Array[]) => many.map((one) => Buffer.from(one).toString('hex'));
const signed = (csr: ReturnType<typeof parseCsr>) => ({ data: csr.info, algorithm: csr.signatureAlgorithm, signature: csr.signature });

describe('a signature', () => {
  it.each([
    ['RSA with SHA-256', rsa, ['-sha256'], { scheme: 'rsa-pkcs1', digest: 'sha256' }],
    ['RSA with SHA-384', rsa, ['-sha384'], { scheme: 'rsa-pkcs1', digest: 'sha384' }],
    ['RSA with SHA-512', rsa, ['-sha512'], { scheme: 'rsa-pkcs1', digest: 'sha512' }],
    ['RSA with SHA-1', rsa, ['-sha1'], { scheme: 'rsa-pkcs1', digest: 'sha1' }],
    ['RSA with MD5', rsa, ['-md5'], { scheme: 'rsa-pkcs1', digest: 'md5' }],
    [
      'RSA-PSS',
      rsa,
      ['-sha256', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32'],
      { scheme: 'rsa-pss', digest: 'sha256', saltLength: 32 },
    ],
    ['RSA-PSS with SHA-1', rsa, ['-sha1', '-sigopt', 'rsa_padding_mode:pss'], { scheme: 'rsa-pss', digest: 'sha1' }],
    [
      'ECDSA on P-256',
      newKey('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'),
      ['-sha256'],
      { scheme: 'ecdsa', digest: 'sha256' },
    ],
    [
      'ECDSA on P-384',
      newKey('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'),
      ['-sha384'],
      { scheme: 'ecdsa', digest: 'sha384' },
    ],
    ['Ed25519', newKey('-algorithm', 'ED25519'), [], { scheme: 'eddsa', digest: null }],
  ])('by %s verifies, and not over other bytes or with another key', (_what, key, options, scheme) => {
    const csr = csrOf(key, ...options);
    expect(signatureScheme(csr.signatureAlgorithm)).toMatchObject(scheme);
    expect(verifySignature(signed(csr), csr.spki)).toBe(true);
    expect(verifySignature({ ...signed(csr), data: Buffer.concat([csr.info, Uint8Array.of(0)]) }, csr.spki)).toBe(false);
    expect(verifySignature(signed(csr), spkiOf(newKey('-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048')))).toBe(false);
    if (scheme.digest === 'sha1' || scheme.digest === 'md5')
      expect(() => {
        assertStrongDigest(csr.signatureAlgorithm, 'It');
      }).toThrow(expect.objectContaining({ code: 'WEAK_DIGEST' }));
    else
      expect(() => {
        assertStrongDigest(csr.signatureAlgorithm, 'It');
      }).not.toThrow();
  });

  it('of an unknown algorithm, or one with parameters it should not have, does not verify', () => {
    const csr = csrOf(rsa);
    for (const algorithm of [
      sequence(objectIdentifier('1.2.3')),
      sequence(objectIdentifier('1.2.840.113549.1.1.11'), element(0x0c)),
      Uint8Array.of(1),
    ]) {
      expect(verifySignature({ ...signed(csr), algorithm }, csr.spki)).toBe(false);
    }
  });

  it('is named as the schema of RFC 4055 wants it', () => {
    expect(Buffer.from(algorithmIdentifier({ scheme: 'rsa-pkcs1', digest: 'sha256' })).toString('hex')).toBe(
      '300d06092a864886f70d01010b0500',
    );
    const data = Buffer.from('data');
    for (const digest of ['sha256', 'sha384', 'sha512'] as const) {
      const signature = sign(digest, data, createPrivateKey(rsa));
      expect(verifySignature({ data, algorithm: algorithmIdentifier({ scheme: 'rsa-pkcs1', digest }), signature }, spkiOf(rsa))).toBe(true);
    }
  });
});

describe('a key', () => {
  it.each([
    ['RSA of 2048 bits', spkiOf(rsa), { type: 'RSA', bits: 2048 }],
    ['P-256', spkiOf(newKey('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256')), { type: 'EC', bits: 256 }],
    ['P-521', spkiOf(newKey('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521')), { type: 'EC', bits: 521 }],
    ['Ed25519', spkiOf(newKey('-algorithm', 'ED25519')), { type: 'Ed25519', bits: 256 }],
  ])('%s is strong', (_what, spki, facts) => {
    expect(assertStrongKey(spki, 'The key')).toEqual(facts);
  });

  it.each([
    ['RSA of 1024 bits', spkiOf(newKey('-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024')), /only 1024 bits/u],
    ['P-224', spkiOf(newKey('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp224r1')), /curve/u],
    [
      'explicit curve parameters',
      spkiOf(newKey('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-pkeyopt', 'ec_param_enc:explicit')),
      /of a kind/u,
    ],
    ['RSA with exponent 1', rsaSpki(Buffer.alloc(257, 0x7f), Uint8Array.of(1)), /exponent/u],
    ['RSA with an even exponent', rsaSpki(Buffer.alloc(257, 0x7f), Uint8Array.of(4)), /exponent/u],
    ['a modulus nobody verifies', rsaSpki(Buffer.alloc(4096, 0x7f), Uint8Array.of(1, 0, 1)), /more than anyone/u],
    ['Ed448', spkiOf(newKey('-algorithm', 'ED448')), /of a kind/u],
    ['garbage', Uint8Array.of(0x30, 0x00), /of a kind/u],
  ])('%s is weak', (_what, spki, message) => {
    expect(() => assertStrongKey(spki, 'The key')).toThrow(
      expect.objectContaining({ code: 'WEAK_KEY', message: expect.stringMatching(message) as string }),
    );
  });

  it('with curve parameters spelled out never reaches OpenSSL', () => {
    expect(
      openKey(spkiOf(newKey('-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-pkeyopt', 'ec_param_enc:explicit'))),
    ).toBeUndefined();
    expect(keyFacts(Uint8Array.of())).toEqual({ type: 'other', bits: 0 });
  });

  it('is the same with its parameters NULL or left out', () => {
    const spki = spkiOf(rsa);
    const bare = sequence(
      sequence(objectIdentifier('1.2.840.113549.1.1.1')), // After the outer header (4 octets) and the algorithm with its NULL (15).
      spki.subarray(19),
    );
    expect(sameKey(spki, bare)).toBe(true);
    expect(sameKey(spki, spkiOf(newKey('-algorithm', 'ED25519')))).toBe(false);
    // Comparing keys of two kinds must not break what comes after.
    expect(keyFacts(spki).type).toBe('RSA');
    expect(sameKey(Uint8Array.of(1), Uint8Array.of(2))).toBe(false);
  });

  it.each(['P-256', 'P-384', 'P-521'])('on %s is the same with its point in full, compressed or both', (curve) => {
    const key = newKey('-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`);
    const spki = spkiOf(key);
    const others = ['compressed', 'hybrid'].map((form) =>
      withFile(key, (file) => Uint8Array.from(openssl(['ec', '-in', file, '-pubout', '-conv_form', form, '-outform', 'DER']))),
    );
    const another = spkiOf(newKey('-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`));
    for (const [index, other] of others.entries()) {
      expect(sameKey(spki, other)).toBe(true);
      expect(sameKey(other, others[1 - index]!)).toBe(true);
      expect(sameKey(another, other)).toBe(false);
      expect(hexes(wrappings(other)).sort()).toEqual(hexes([spki, ...others]).sort());
    }
    expect(hexes(wrappings(spki))).toEqual(hexes([spki, ...others]));
  });

  it('of RSA may be wrapped in three ways, and has nothing behind its numbers', () => {
    const spki = spkiOf(rsa);
    const [algorithm, bits] = elementsIn(spki);
    const wrapped = (...parts: Uint8Array[]) => sequence(sequence(...parts), bits!);
    const three = [spki, wrapped(objectIdentifier('1.2.840.113549.1.1.1')), wrapped(objectIdentifier('1.2.840.113549.1.1.10'))];
    for (const one of three) {
      expect(hexes(wrappings(one)).sort()).toEqual(hexes(three).sort());
      expect(keyFacts(one)).toEqual({ type: 'RSA', bits: 2048 });
    }
    // OpenSSL takes them for the same key.
    const more = bitString(Buffer.concat([contentOf(bits!).subarray(1), Buffer.alloc(40)]));
    for (const one of [
      sequence(algorithm!, more),
      sequence(sequence(objectIdentifier('1.2.840.113549.1.1.1')), more),
      sequence(sequence(objectIdentifier('1.2.840.113549.1.1.10')), more),
    ]) {
      expect(createPublicKey({ key: Buffer.from(one), format: 'der', type: 'spki' }).asymmetricKeyDetails?.modulusLength).toBe(2048);
      expect(openKey(one)).toBeUndefined();
    }
  });

  it('is told from hundreds of others without asking OpenSSL about each', () => {
    const spki = spkiOf(rsa);
    const others = Array.from({ length: 400 }, (_, index) => {
      const other = Uint8Array.from(spki);
      // In the modulus, whose end is before the exponent's five octets.
      new DataView(other.buffer).setUint16(other.length - 9, index);
      return other;
    });
    const began = performance.now();
    expect(others.flatMap((one) => others.filter((other) => sameKey(one, other)))).toHaveLength(400);
    // Opening them took two minutes.
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  it('has the identifier openssl gives it', () => {
    const text = withFile(rsa, (file) => openssl(['req', '-x509', '-new', '-key', file, '-subj', '/CN=x', '-outform', 'DER']));
    const shown = certificateText(text, '-ext', 'subjectKeyIdentifier').split('\n')[1]?.replace(/[\s:]/gu, '') ?? '';
    expect(Buffer.from(keyIdentifier(spkiOf(rsa))).toString('hex')).toBe(shown.toLowerCase());
  });
});

function rsaSpki(modulus: Uint8Array, exponent: Uint8Array): Uint8Array {
  return sequence(
    sequence(objectIdentifier('1.2.840.113549.1.1.1'), element(0x05)),
    bitString(sequence(integer(modulus), integer(exponent))),
  );
}

it.each([
  ['RSA', 'rsa', {}, { scheme: 'rsa-pkcs1', digest: 'sha256' }],
  ['RSA as wished', 'rsa', { rsaSignature: 'pss', digest: 'sha384' }, { scheme: 'rsa-pss', digest: 'sha384' }],
  ['RSA bound to PSS, whatever is wished (RFC 4055 §1.2)', 'rsa-pss', { rsaSignature: 'pkcs1' }, { scheme: 'rsa-pss', digest: 'sha256' }],
] as const)('a key of %s signs by the scheme it may', (_what, kind, choice, algorithm) => {
  const { publicKey } = generateKeyPairSync(kind as 'rsa', { modulusLength: 2048 });
  expect(fittingAlgorithm(new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })), choice, 'The key')).toEqual(algorithm);
});
