import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { HsmongerError } from '../../src/errors.js';
import { derFault, element, equalBytes } from '../../src/x509/der.js';
import { nameText } from '../../src/x509/names/name.js';
import { parseCertificate } from '../../src/x509/parse-certificate.js';
import { parseCsr } from '../../src/x509/parse-csr.js';
import { role } from '../../src/x509/path.js';
import { assertStrongKey } from '../../src/x509/public-key.js';
import { verifySignature } from '../../src/x509/signature.js';
import { caExtensions, day, dnsNames, hex, leafConstraints, makeCertificate, makeCsr, makeKeys, now, type Keys } from './material.js';
import { certificateText, openssl, withFile } from './openssl.js';

let keys: Keys;
let csr: Uint8Array;
let certificate: Uint8Array;

beforeAll(async () => {
  keys = await makeKeys();
  csr = await makeCsr({ keys, extensions: [leafConstraints(), dnsNames('a.test')] });
  certificate = (await makeCertificate({ keys, extensions: caExtensions() })).der;
});

describe('a certificate', () => {
  it('is read as openssl reads it', () => {
    const read = parseCertificate(certificate);
    expect(hex(read.serial)).toBe(
      certificateText(certificate, '-serial')
        .replace(/^serial=|\n/gu, '')
        .toLowerCase(),
    );
    expect(read.notAfter).toEqual(new Date(now.getTime() + 20 * day));
    expect(nameText(read.subject)).toBe(certificateText(certificate, '-subject', '-nameopt', 'RFC2253').replace(/^subject=|\n/gu, ''));
    expect(equalBytes(read.spki, keys.spki)).toBe(true);
    expect(read).toMatchObject({
      isCa: true,
      subjectKeyId: Uint8Array.from({ length: 20 }, () => 0xaa),
      authorityKeyId: Uint8Array.from({ length: 20 }, () => 0xaa),
    });
    expect(read.extensions.map(({ oid, critical }) => [oid, critical])).toEqual([
      ['2.5.29.35', false],
      ['2.5.29.19', true],
      ['2.5.29.15', true],
      ['2.5.29.14', false],
    ]);
    expect(role(read)).toBe('ca');
  });

  it('of version 1 without extensions is read', () => {
    // openssl x509 -req without -extfile makes version 1.
    const made = withFile(openssl(['genpkey', '-algorithm', 'ed25519']), (key) =>
      withFile(openssl(['req', '-new', '-key', key, '-subj', '/CN=v1']), (request) =>
        openssl(['x509', '-req', '-in', request, '-signkey', key, '-set_serial', '5', '-outform', 'DER']),
      ),
    );
    expect(parseCertificate(made)).toMatchObject({ extensions: [], isCa: false, serial: Uint8Array.of(5) });
    expect(role(parseCertificate(made))).toBe('either');
  });

  it('with the same extension twice is refused', async () => {
    await expect(makeCertificate({ keys, extensions: [leafConstraints(), leafConstraints()] })).rejects.toMatchObject({
      code: 'CERTIFICATE_INVALID',
      message: 'The certificate cannot be read: it has the same extension twice.',
    });
  });

  it('is not confused with a request', () => {
    expect(() => parseCertificate(csr)).toThrow(expect.objectContaining({ code: 'CERTIFICATE_INVALID' }));
    expect(() => parseCsr(certificate)).toThrow(expect.objectContaining({ code: 'CSR_INVALID' }));
  });
});

describe('a request', () => {
  it('is read with its subject, key and requested extensions', () => {
    const read = parseCsr(csr);
    expect(nameText(read.subject)).toBe('CN=Certificate Authority,O=Test');
    expect(equalBytes(read.spki, keys.spki)).toBe(true);
    expect(read.extensions.map(({ oid }) => oid)).toEqual(['2.5.29.19', '2.5.29.17']);
  });

  it.each([
    ['nothing', Uint8Array.of(), /is empty/u],
    ['text', Buffer.from('hello'), /./u],
    ['a length of 4 GiB', Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00), /cut short/u],
    ['a length in 126 octets', Uint8Array.of(0x30, 0xfe, 1, 2, 3), /not DER/u],
    ['an indefinite length', Uint8Array.of(0x30, 0x80, 0x00, 0x00), /not DER/u],
    ['a padded length', Uint8Array.of(0x30, 0x81, 0x00), /not DER/u],
    ['a primitive sequence', Uint8Array.of(0x10, 0x00), /primitive and constructed/u],
    ['a constructed string', Uint8Array.of(0x24, 0x02, 0x04, 0x00), /primitive and constructed/u],
    ['500 levels', nested(500), /too deeply/u],
    ['2 MiB', new Uint8Array(2 * 1024 * 1024), /larger/u],
  ])('of %s is refused', (_what, bytes, message) => {
    expect(() => parseCsr(bytes)).toThrow(
      expect.objectContaining({ code: 'CSR_INVALID', message: expect.stringMatching(message) as string }),
    );
  });

  it('cut short anywhere, or with bytes after it, is refused', () => {
    for (let length = 0; length < csr.length; length++) expect(() => parseCsr(csr.subarray(0, length))).toThrow(HsmongerError);
    expect(() => parseCsr(Buffer.concat([csr, Uint8Array.of(0)]))).toThrow(/bytes after its end/u);
    expect(() => parseCsr(Buffer.concat([csr, csr]))).toThrow(/bytes after its end/u);
  });

  it('that somebody has tampered with is refused, or read without a crash, and its signature never verifies', () => {
    const mutation = fc.array(fc.record({ at: fc.nat(csr.length - 1), value: fc.integer({ min: 0, max: 255 }) }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(mutation, (changes) => {
        const mutated = Uint8Array.from(csr);
        for (const { at, value } of changes) mutated[at] = value;
        fc.pre(!equalBytes(mutated, csr));
        const read = attempt(() => parseCsr(mutated), 'CSR_INVALID');
        if (read === undefined) return;
        expect(typeof nameText(read.subject)).toBe('string');
        attempt(() => assertStrongKey(read.spki, 'x'), 'WEAK_KEY');
        expect(verifySignature({ data: read.info, algorithm: read.signatureAlgorithm, signature: read.signature }, read.spki)).toBe(false);
      }),
      { numRuns: 1500 },
    );
  });

  it('made of random elements is refused, never crashes', () => {
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 5 }, tie('leaf'), tie('node')),
      leaf: fc
        .tuple(fc.constantFrom(1, 2, 3, 4, 5, 6, 12, 19, 23, 0x80), fc.uint8Array({ maxLength: 9 }))
        .map(([tag, content]) => element(tag, content)),
      node: fc
        .tuple(fc.constantFrom(0x30, 0x31, 0xa0, 0xa3), fc.array(tie('tree') as fc.Arbitrary<Uint8Array>, { maxLength: 5 }))
        .map(([tag, parts]) => element(tag, ...parts)),
    }));
    fc.assert(
      fc.property(tree as fc.Arbitrary<Uint8Array>, (bytes) => {
        expect(derFault(bytes)).toBeUndefined();
        attempt(() => parseCsr(bytes), 'CSR_INVALID');
        attempt(() => parseCertificate(bytes), 'CERTIFICATE_INVALID');
      }),
      { numRuns: 1000 },
    );
  });
});

it('a certificate that somebody has tampered with is refused or read, never crashes', () => {
  fc.assert(
    fc.property(fc.nat(certificate.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
      const mutated = Uint8Array.from(certificate);
      mutated[at] = value;
      const read = attempt(() => parseCertificate(mutated), 'CERTIFICATE_INVALID');
      if (read !== undefined) expect(['ca', 'leaf', 'either']).toContain(role(read));
    }),
    { numRuns: 1500 },
  );
});

function attempt<T>(work: () => T, code: string): T | undefined {
  try {
    return work();
  } catch (error) {
    expect(error).toBeInstanceOf(HsmongerError);
    expect(error).toMatchObject({ code });
    return undefined;
  }
}

function nested(levels: number): Uint8Array {
  return Array.from({ length: levels }).reduce<Uint8Array>((inner) => element(0x30, inner), Uint8Array.of());
}
