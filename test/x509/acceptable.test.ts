import { beforeAll, describe, expect, it } from 'vitest';
import { acceptable, type Answer } from '../../src/x509/acceptable.js';
import type { Certificate } from '../../src/x509/certificate.js';
import { parseCertificate } from '../../src/x509/parse-certificate.js';
import { parseCsr, type CertificateRequest } from '../../src/x509/parse-csr.js';
import {
  caConstraints,
  caExtensions,
  day,
  keyUsage,
  makeCertificate,
  makeCsr,
  makeKeys,
  now,
  subjectKeyId,
  usage,
  type CertificateOptions,
  type Keys,
} from './material.js';

let caKeys: Keys;
let keys: Keys;
let otherKeys: Keys;
let ca: Certificate;
let old: Certificate;
let csr: CertificateRequest;
const inDays = (days: number) => new Date(now.getTime() + days * day);

beforeAll(async () => {
  [caKeys, keys, otherKeys] = await Promise.all([makeKeys(), makeKeys(), makeKeys()]);
  ca = await makeCertificate({ keys: caKeys, notAfter: inDays(4000), extensions: caExtensions() });
  old = await leaf({ notAfter: inDays(20) });
  csr = parseCsr(await makeCsr({ keys, subject: 'CN=Leaf' }));
});

const leaf = (options: Partial<CertificateOptions> = {}) =>
  makeCertificate({
    keys,
    subject: 'CN=Leaf',
    by: { keys: caKeys, certificate: ca },
    notAfter: inDays(700),
    extensions: [subjectKeyId('0badc0de')],
    ...options,
  });
const verdict = async (overrides: Partial<Answer> = {}) =>
  acceptable({ now, issued: await leaf(), authorities: [ca], csr, old, ...overrides });

describe('what was issued', () => {
  it('is handed on with its path when it is right', async () => {
    expect(await verdict()).toEqual({ chain: [], roots: [ca] });
  });

  it.each<[string, () => Promise<Partial<Answer>>, RegExp]>([
    ['has not the key of the request', async () => ({ issued: await leaf({ keys: otherKeys }) }), /key of the request/u],
    [
      'has not the key of the old certificate',
      async () => ({ old: await leaf({ keys: otherKeys, notAfter: inDays(20) }) }),
      /key of the certificate it renews/u,
    ],
    ['is signed by another key', async () => ({ issued: await leaf({ by: { keys: otherKeys, certificate: ca } }) }), /does not validate/u],
    ['has a broken signature', async () => ({ issued: tampered(await leaf()) }), /does not validate/u],
    ['comes without its root', () => Promise.resolve({ authorities: [] }), /does not validate/u],
    [
      'has a root that has expired',
      async () => ({ authorities: [await makeCertificate({ keys: caKeys, notAfter: inDays(-1), extensions: caExtensions() })] }),
      /expired/u,
    ],
    [
      'has itself expired',
      async () => ({ issued: await leaf({ notAfter: inDays(-1) }), old: await leaf({ notAfter: inDays(-2) }) }),
      /expired/u,
    ],
    ['is not valid yet', async () => ({ issued: await leaf({ notBefore: inDays(1) }) }), /not valid before/u],
    [
      'was a leaf and is a CA',
      async () => ({ issued: await leaf({ extensions: [caConstraints(), subjectKeyId('0badc0de')] }) }),
      /is a CA certificate and the one/u,
    ],
    [
      'was a leaf and may sign certificates',
      async () => ({ issued: await leaf({ extensions: [keyUsage(usage.keyCertSign), subjectKeyId('0badc0de')] }) }),
      /is a CA certificate and the one/u,
    ],
    [
      'was a CA and is a leaf',
      async () => ({ old: await leaf({ notAfter: inDays(20), extensions: [caConstraints(), subjectKeyId('0badc0de')] }) }),
      /no CA certificate and the one/u,
    ],
    ['has another subject', async () => ({ issued: await leaf({ subject: 'CN=Other' }) }), /CN=Other instead of CN=Leaf/u],
    [
      'has another subject than the request, with no old one',
      async () => ({ issued: await leaf({ subject: 'CN=Other' }), old: undefined as never }),
      /CN=Other instead of CN=Leaf/u,
    ],
    ['has another key identifier', async () => ({ issued: await leaf({ extensions: [subjectKeyId('0badc0df')] }) }), /key identifier/u],
    ['has lost the key identifier', async () => ({ issued: await leaf({ extensions: [] }) }), /key identifier/u],
    ['does not outlive the old one', async () => ({ issued: await leaf({ notAfter: inDays(20) }) }), /no later than/u],
    [
      'is read by us alone',
      async () => {
        const der = replaced((await leaf()).der, Buffer.from('\x13\x04Leaf'), Buffer.from('\x0c\x04\xff\xfeaf', 'latin1'));
        const issued = parseCertificate(der);
        return { issued, csr: { ...csr, subject: issued.subject }, old: undefined as never };
      },
      /OpenSSL cannot read it/u,
    ],
    ['is the old one', () => Promise.resolve({ issued: old }), /no later than/u],
  ])('is refused when it %s', async (_what, overrides, message) => {
    expect(await overrides().then(verdict)).toEqual({ fault: expect.stringMatching(message) as string });
  });
});

function replaced(der: Uint8Array, before: Buffer, after: Buffer): Uint8Array {
  const copy = Buffer.from(der);
  after.copy(copy, copy.lastIndexOf(before));
  return copy;
}

function tampered(certificate: Certificate): Certificate {
  const der = Uint8Array.from(certificate.der);
  der[der.length - 1]! ^= 1;
  return parseCertificate(der);
}
