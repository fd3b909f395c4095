/**
 * Requests, CRLs and OCSP questions come from anybody: what is wrong with them is said, in time and memory that fit, and nothing else is
 * thrown.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HsmongerError } from '../../src/errors.js';
import { parseCrl } from '../../src/x509/crl/parse.js';
import {
  bitString,
  countElements,
  derFault,
  dottedOf,
  element,
  elementsIn,
  fewElementsIn,
  integer,
  objectIdentifier,
  octetString,
  sequence,
} from '../../src/x509/der.js';
import { parseOcspRequest } from '../../src/x509/ocsp/request.js';
import { parseCertificate } from '../../src/x509/parse-certificate.js';
import { parseCsr } from '../../src/x509/parse-csr.js';
import { crlToPem } from '../../src/x509/pem.js';
import { fromPath } from '../../src/service/ocsp/http.js';

const type = (content: Uint8Array) => element(0x06, content);
const commonName = objectIdentifier('2.5.4.3');
const nameOf = (oid: Uint8Array) => sequence(element(0x31, sequence(oid, element(0x0c, Buffer.from('x')))));
const algorithm = sequence(objectIdentifier('1.2.840.113549.1.1.11'), element(0x05));
const spki = sequence(
  sequence(objectIdentifier('1.2.840.113549.1.1.1'), element(0x05)),
  bitString(sequence(integer(new Uint8Array(257).fill(0x41)), integer(Uint8Array.of(1, 0, 1)))),
);
const signed = (data: Uint8Array) => sequence(data, algorithm, bitString(Uint8Array.of(1)));
const time = element(0x17, Buffer.from('260101000000Z'));
const extension = (oid: Uint8Array) => sequence(oid, octetString(element(0x05)));

const requestOf = (subject: Uint8Array, ...attributes: Uint8Array[]) =>
  signed(sequence(integer(Uint8Array.of(0)), subject, spki, element(0xa0, ...attributes)));
const crlOf = (...more: Uint8Array[]) => signed(sequence(algorithm, nameOf(commonName), time, ...more));
const certId = (digest: Uint8Array) =>
  sequence(sequence(digest), octetString(new Uint8Array(20)), octetString(new Uint8Array(20)), integer(Uint8Array.of(1)));
const question = (ids: Uint8Array, ...more: Uint8Array[]) => sequence(sequence(ids, ...more));
const sha1 = objectIdentifier('1.3.14.3.2.26');
const one = sequence(sequence(certId(sha1)));
const certificateOf = (oid: Uint8Array) =>
  signed(
    sequence(
      element(0xa0, integer(Uint8Array.of(2))),
      integer(Uint8Array.of(1)),
      algorithm,
      nameOf(oid),
      sequence(time, time),
      nameOf(commonName),
      spki,
    ),
  );

const readers = {
  request: {
    good: requestOf(
      nameOf(commonName),
      sequence(objectIdentifier('1.2.840.113549.1.9.14'), element(0x31, sequence(extension(objectIdentifier('2.5.29.15'))))),
    ),
    read: parseCsr,
    code: 'CSR_INVALID',
  },
  certificate: { good: certificateOf(commonName), read: (der: Uint8Array) => parseCertificate(der), code: 'CERTIFICATE_INVALID' },
  CRL: {
    good: crlOf(
      time,
      sequence(sequence(integer(Uint8Array.of(5)), time)),
      element(0xa0, sequence(sequence(objectIdentifier('2.5.29.20'), octetString(integer(Uint8Array.of(7)))))),
    ),
    read: (der: Uint8Array) => parseCrl(der, 'it'),
    code: 'CRL_INVALID',
  },
  question: {
    good: question(
      one,
      element(0xa2, sequence(sequence(objectIdentifier('1.3.6.1.5.5.7.48.1.2'), octetString(octetString(new Uint8Array(16)))))),
    ),
    read: parseOcspRequest,
    code: undefined,
  },
} as const;

/** Bytes changed, cut out and put in. */
const spoilt = (good: Uint8Array) =>
  fc
    .array(fc.tuple(fc.nat(good.length), fc.constantFrom('set', 'cut', 'put'), fc.uint8Array({ minLength: 1, maxLength: 6 })), {
      minLength: 1,
      maxLength: 4,
    })
    .map((changes) =>
      changes.reduce<Uint8Array>(
        (bytes, [at, how, by]) =>
          Uint8Array.from(
            Buffer.concat([
              bytes.subarray(0, at),
              how === 'cut' ? Buffer.alloc(0) : by,
              bytes.subarray(how === 'put' ? at : at + by.length),
            ]),
          ),
        good,
      ),
    );

describe.each(Object.entries(readers))('%s', (_, { good, read, code }) => {
  const says = (bytes: Uint8Array) => {
    try {
      read(bytes);
    } catch (error) {
      if (code === undefined) expect((error as Error).constructor).toBe(Error);
      else expect((error as HsmongerError).code).toBe(code);
    }
  };

  test('is read as it should be', () => {
    expect(() => read(good)).not.toThrow();
  });

  test('spoilt or made up is refused in one way, or read', () => {
    fc.assert(fc.property(spoilt(good), says), { numRuns: 3000 });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), says), { numRuns: 1000 });
  });
});

describe('what would take for ever', () => {
  /** A megabyte of one number: the square of it is an hour. */
  const endless = type(Uint8Array.from(Buffer.concat([Buffer.alloc(600_000, 0xff), Buffer.of(1)])));
  const short = type(Uint8Array.from(Buffer.concat([Buffer.alloc(40_000, 0xff), Buffer.of(1)])));

  test('an object identifier longer than any in use is none', () => {
    expect(() => dottedOf(endless)).toThrow('longer than any in use');
    expect(dottedOf(objectIdentifier('2.25.329800735698586629295641978511506172918'))).toBe('2.25.329800735698586629295641978511506172918');
    expect(() => parseCsr(requestOf(nameOf(endless)))).toThrow(HsmongerError);
    expect(() => parseCsr(requestOf(nameOf(commonName), sequence(endless, element(0x31))))).toThrow('longer than any in use');
    expect(() => parseCrl(crlOf(element(0xa0, sequence(extension(endless)))), 'it')).toThrow('longer than any in use');
    expect(() => parseOcspRequest(question(one, element(0xa2, sequence(extension(short)))))).toThrow('longer than any in use');
    expect(() => parseOcspRequest(question(sequence(sequence(certId(short)))))).toThrow('more than 256 octets');
    // A digest nobody knows is answered as such.
    const unknown = type(Uint8Array.from(Buffer.concat([Buffer.alloc(60, 0xff), Buffer.of(1)])));
    expect(parseOcspRequest(question(sequence(sequence(certId(unknown))))).certIds).toMatchObject([{ digest: undefined }]);
  });

  test('a question about more certificates than one may ask about', () => {
    const many = (count: number) => question(sequence(...Array.from({ length: count }, () => sequence(certId(sha1)))));
    expect(parseOcspRequest(many(100)).certIds).toHaveLength(100);
    expect(() => parseOcspRequest(many(101))).toThrow('structure');
  });
});

describe('what would not fit', () => {
  const nulls = Buffer.alloc(20_000_000).map((_, index) => (index % 2 === 0 ? 5 : 0));

  test('a CRL of millions of elements is counted, not taken apart', () => {
    expect(parseCrl(crlOf(element(0x30, nulls)), 'it').entries).toBe(10_000_000);
    expect(() => parseCrl(crlOf(nulls), 'it')).toThrow('structure');
  });

  test('a large CRL in PEM is read as in DER', () => {
    const large = crlOf(element(0x30, nulls.subarray(0, 9_000_000)));
    expect(Buffer.compare(parseCrl(Buffer.from(crlToPem(large)), 'it').der, large)).toBe(0);
  });
});

test('elements are split where derFault() has passed them, and joined again they are what they were', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(0x02, 0x04, 0x0c, 0x80), fc.uint8Array({ maxLength: 300 })), { maxLength: 20 }),
      (parts) => {
        const elements = parts.map(([tag, content]) => element(tag, content));
        const whole = sequence(...elements);
        expect(derFault(whole)).toBeUndefined();
        expect(elementsIn(whole)).toEqual(elements);
        expect(countElements(whole)).toBe(elements.length);
        if (elements.length > 0) expect(() => fewElementsIn(whole, elements.length - 1)).toThrow('structure');
      },
    ),
  );
});

test('any path of a GET is a question or none', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.webPath(), fc.string({ unit: fc.constantFrom('/', 'A', '%2', '%2F', '=', '+', 'M'), maxLength: 200 })),
      (path) => {
        const der = fromPath(`/${path}`);
        if (der !== undefined) expect(derFault(der)).toBeUndefined();
      },
    ),
    { numRuns: 2000 },
  );
});
