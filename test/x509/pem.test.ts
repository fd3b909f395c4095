import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { certificateFromPem, certificateToPem, csrFromPem } from '../../src/x509/pem.js';
import { pem } from './material.js';
import { openssl, withFile } from './openssl.js';

const der = Uint8Array.from({ length: 100 }, (_, index) => index);

describe('PEM', () => {
  it.each([
    ['a plain block', pem(der, 'CERTIFICATE REQUEST')],
    ["Netscape's label", pem(der, 'NEW CERTIFICATE REQUEST')],
    ['CRLF line ends', pem(der, 'CERTIFICATE REQUEST').replaceAll('\n', '\r\n')],
    ['text before and after', `Subject: CN=x\n${pem(der, 'CERTIFICATE REQUEST')}thanks\n`],
    ['one long line', pem(der, 'CERTIFICATE REQUEST').replace(/(?<=[A-Za-z0-9+/=])\n(?=[A-Za-z0-9+/=])/gu, '')],
    ['blanks round the lines', pem(der, 'CERTIFICATE REQUEST').replaceAll('\n', ' \n ')],
    ['a block of another kind beside it', pem(der, 'CERTIFICATE') + pem(der, 'CERTIFICATE REQUEST')],
  ])('is read from %s', (_what, text) => {
    expect(csrFromPem(text)).toEqual(der);
  });

  it.each([
    ['none', '', /there is none/u],
    ['two', pem(der) + pem(der), /there are 2/u],
    ['an open block', '-----BEGIN CERTIFICATE-----\nAAAA\n', /END line is missing/u],
    ['a wrong END', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END X509 CERTIFICATE-----\n', /END line is missing/u],
    ['no base64', '-----BEGIN CERTIFICATE-----\nAA*A\n-----END CERTIFICATE-----\n', /not base64/u],
    ['nothing inside', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n', /not base64/u],
    ['a cut group', '-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----\n', /not base64/u],
    ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0x00]).toString('utf8'), /there is none/u],
  ])('with %s is refused', (_what, text, message) => {
    expect(() => certificateFromPem(text, 'CERTMONGER_CERTIFICATE')).toThrow(
      expect.objectContaining({ code: 'CERTIFICATE_INVALID', message: expect.stringMatching(message) as string }),
    );
  });

  it('is written as ASCII in 64 columns with one newline at the end, and read back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 2000 }), (bytes) => {
        const text = certificateToPem(bytes);
        expect(text).toMatch(/^-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE-----\n$/u);
        expect(certificateFromPem(text)).toEqual(bytes);
      }),
    );
  });

  it('is what openssl writes', () => {
    const key = openssl(['genpkey', '-algorithm', 'ed25519']);
    const text = withFile(key, (file) => openssl(['req', '-x509', '-new', '-key', file, '-subj', '/CN=x'])).toString();
    expect(certificateToPem(certificateFromPem(text))).toBe(text);
  });
});
