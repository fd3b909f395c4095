import { sign } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { element, objectIdentifier, sequence } from '../../src/x509/der.js';
import { parseCertificate } from '../../src/x509/parse-certificate.js';
import { newSerial } from '../../src/x509/serial.js';
import { algorithmIdentifier } from '../../src/x509/signature-algorithm.js';
import { assembleCertificate, buildTbsCertificate, type CertificateFields } from '../../src/x509/tbs.js';
import { encodeTime, parseTime } from '../../src/x509/time.js';
import { caExtensions, makeCertificate, makeKeys, now, type Keys } from './material.js';
import { certificateText, openssl } from './openssl.js';

let keys: Keys;
beforeAll(async () => {
  keys = await makeKeys();
});

const name = sequence(element(0x31, sequence(objectIdentifier('2.5.4.3'), element(0x1e, Buffer.from([0, 0x41])))));
const algorithm = algorithmIdentifier({ scheme: 'rsa-pkcs1', digest: 'sha256' });
const fields = (): CertificateFields => ({
  serial: newSerial(),
  issuer: name,
  subject: name,
  notBefore: now,
  notAfter: new Date('2049-12-31T23:59:59Z'),
  spki: keys.spki,
  extensions: [],
  signatureAlgorithm: algorithm,
});
const made = (overrides: Partial<CertificateFields> = {}) => {
  const tbs = buildTbsCertificate({ ...fields(), ...overrides });
  return assembleCertificate(tbs, algorithm, sign('sha256', tbs, keys.privateKey));
};

describe('a certificate built from fields', () => {
  it("is another encoder's, byte for byte, when the fields are", async () => {
    const foreign = await makeCertificate({
      keys,
      extensions: caExtensions(),
      subject: [{ O: [{ bmpString: 'Zoë' }] }, { CN: ['a, b'] }, { OU: [{ utf8String: '証' }] }],
    });
    expect(buildTbsCertificate(foreign)).toEqual(foreign.tbs);
    expect(assembleCertificate(foreign.tbs, foreign.signatureAlgorithm, foreign.signature)).toEqual(foreign.der);
  });

  it('is what openssl reads, with version 3 and no empty extension list', () => {
    const text = certificateText(made());
    expect(text).toContain('Version: 3');
    expect(text).not.toContain('X509v3 extensions');
    expect(() => openssl(['asn1parse', '-inform', 'DER'], made())).not.toThrow();
  });

  it('writes UTCTime through 2049 and GeneralizedTime from 2050', () => {
    expect(certificateText(made(), '-enddate')).toBe('notAfter=Dec 31 23:59:59 2049 GMT\n');
    expect(openssl(['asn1parse', '-inform', 'DER'], made()).toString()).not.toContain('GENERALIZEDTIME');
    const later = made({ notAfter: new Date('2050-01-01T00:00:00Z') });
    expect(certificateText(later, '-enddate')).toBe('notAfter=Jan  1 00:00:00 2050 GMT\n');
    expect(openssl(['asn1parse', '-inform', 'DER'], later).toString()).toMatch(/GENERALIZEDTIME +:20500101000000Z/u);
  });

  it('keeps any extension value and any name as they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), fc.uint8Array({ maxLength: 200 }), (value, critical, text) => {
        const subject = sequence(element(0x31, sequence(objectIdentifier('2.5.4.3'), element(0x0c, text))));
        const read = parseCertificate(made({ subject, extensions: [{ oid: '1.3.6.1.4.1.99999.1', critical, value }] }));
        expect(read.subject).toEqual(subject);
        expect(read.extensions).toEqual([{ oid: '1.3.6.1.4.1.99999.1', critical, value }]);
      }),
    );
  });
});

describe('a time', () => {
  it('comes back as it went', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1950-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }),
        (date) => {
          const seconds = new Date(Math.floor(date.getTime() / 1000) * 1000);
          expect(parseTime(encodeTime(seconds))).toEqual(seconds);
        },
      ),
    );
  });

  it.each([
    ['an offset', '261123120000+0100'],
    ['no seconds', '2611231200Z'],
    ['31 February', '260231000000Z'],
    ['hour 24', '261123240000Z'],
    ['minute 60', '261123006000Z'],
    ['letters', '26112312000oZ'],
  ])('with %s is none', (_what, text) => {
    expect(parseTime(element(0x17, Buffer.from(text)))).toBeUndefined();
  });

  it('of two digits is of this century below 50', () => {
    expect(parseTime(element(0x17, Buffer.from('491231235959Z')))?.getUTCFullYear()).toBe(2049);
    expect(parseTime(element(0x17, Buffer.from('500101000000Z')))?.getUTCFullYear()).toBe(1950);
  });
});

it('a serial number is positive, minimal, of 16 octets, and never the same', () => {
  const serials = Array.from({ length: 2000 }, newSerial);
  for (const serial of serials) {
    expect(serial.length).toBe(16);
    expect(serial[0]! >= 0x40 && serial[0]! < 0x80).toBe(true);
  }
  expect(new Set(serials.map((serial) => Buffer.from(serial).toString('hex'))).size).toBe(2000);
});
