import { sign } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  authorityInformationExtension,
  certificatePoliciesExtension,
  crlDistributionPointsExtension,
} from '../../src/x509/extensions/access-urls.js';
import type { Extension } from '../../src/x509/certificate.js';
import {
  authorityKeyIdExtension,
  caBasicConstraintsWith,
  extendedKeyUsageExtension,
  keyUsageExtension,
  subjectKeyIdExtension,
} from '../../src/x509/extensions/extensions.js';
import { encodeGeneralName, subjectAltNameExtension } from '../../src/x509/names/general-name.js';
import { generalNameFromText, generalNameText } from '../../src/x509/names/general-name-text.js';
import { generalNamesFault } from '../../src/x509/names/general-names.js';
import { ipOctets, ipRange, ipText } from '../../src/x509/names/ip-address.js';
import { nameConstraintFromText } from '../../src/x509/names/name-constraint-text.js';
import { nameConstraintsExtension } from '../../src/x509/names/name-constraints.js';
import { netscapeCertTypeExtension, netscapeCommentExtension } from '../../src/x509/extensions/netscape.js';
import { newSerial } from '../../src/x509/serial.js';
import { algorithmIdentifier } from '../../src/x509/signature-algorithm.js';
import { subjectFromText } from '../../src/x509/names/subject-text.js';
import { assembleCertificate, buildTbsCertificate } from '../../src/x509/tbs.js';
import { makeKeys, now, type Keys } from './material.js';
import { certificateText } from './openssl.js';

let keys: Keys;
beforeAll(async () => {
  keys = await makeKeys();
});

const algorithm = algorithmIdentifier({ scheme: 'rsa-pkcs1', digest: 'sha256' });
const made = (extensions: readonly Extension[], subject = subjectFromText('CN=a')) => {
  const tbs = buildTbsCertificate({
    serial: newSerial(),
    issuer: subjectFromText('CN=a'),
    subject,
    notBefore: now,
    notAfter: new Date('2050-01-01'),
    spki: keys.spki,
    extensions,
    signatureAlgorithm: algorithm,
  });
  return assembleCertificate(tbs, algorithm, sign('sha256', tbs, keys.privateKey));
};
const shown = (...extensions: Extension[]) => certificateText(made(extensions));
const names = (...texts: string[]) => texts.map((text) => encodeGeneralName(generalNameFromText(text)));

describe('a name from text', () => {
  it.each([
    ['dns:www.example.test', 'DNS:www.example.test'],
    ['DNS:WWW.Example.Test', 'DNS:www.example.test'],
    ['dns:*.example.test', 'DNS:*.example.test'],
    ['dns:bücher.example', 'DNS:xn--bcher-kva.example'],
    ['dns:localhost', 'DNS:localhost'],
    ['ip:192.0.2.1', 'IP Address:192.0.2.1'],
    ['ip:2001:db8::1', 'IP Address:2001:DB8:0:0:0:0:0:1'],
    ['ip:::ffff:192.0.2.1', 'IP Address:0:0:0:0:0:FFFF:C000:201'],
    ['email:ca@Example.Test', 'email:ca@example.test'],
    ['uri:https://example.test/a?b#c', 'URI:https://example.test/a?b#c'],
    ['uri:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6', 'URI:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6'],
    ['dirName:CN=Zoë,O=EXAMPLE.TEST', 'DirName:/O=EXAMPLE.TEST/CN=Zo\\xC3\\xAB'],
  ])('%s is read by openssl as %s', (text, seen) => {
    expect(shown(subjectAltNameExtension(names(text), subjectFromText('CN=a')))).toContain(
      `X509v3 Subject Alternative Name: \n                ${seen}\n`,
    );
  });

  it.each([
    '',
    'www.example.test',
    'dns:',
    'dns:a..b',
    'dns:-a.test',
    'dns:a_b.test',
    'dns:192.0.2.1',
    'dns:0x7f.1',
    'dns:*.test',
    'dns:*',
    'dns:a.*.test',
    'dns:w*.example.test',
    'dns:a.test.',
    `dns:${'a'.repeat(64)}.test`,
    'dns:a/b',
    'dns:a%41.test',
    'ip:192.0.2',
    'ip:192.0.2.1/24',
    'ip:fe80::1%eth0',
    'email:nobody',
    'email:a b@example.test',
    'email:zoë@example.test',
    'uri:/path',
    'uri:https:',
    'otherName:x',
    'dns:a\0.test',
  ])('%j is none', (text) => {
    expect(() => generalNameFromText(text)).toThrow(/is no name for a certificate; write dns:/u);
  });

  it('a name outside RFC 5280 in dirName is none', () => {
    expect(() => generalNameFromText('dirName:C=USA')).toThrow(/3 characters in C, where 2 is the most/u);
  });

  const label = fc
    .stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/u)
    .filter((text) => !text.startsWith('xn--') && !/^..--/u.test(text));
  const host = fc
    .tuple(fc.array(label, { minLength: 1, maxLength: 4 }), fc.stringMatching(/^[a-z]{2,8}$/u))
    .map(([labels, top]) => [...labels, top].join('.'));
  const octets = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }));
  const text = fc.oneof(
    host.map((one) => `dns:${one}`),
    host.filter((one) => one.includes('.')).map((one) => `dns:*.${one}`),
    octets.map((one) => `ip:${ipText(one)}`),
    fc.tuple(fc.stringMatching(/^[a-z0-9+]{1,10}$/u), host).map(([local, at]) => `email:${local}@${at}`),
    fc.webUrl().map((url) => `uri:${url}`),
    host.map((one) => `dirName:CN=${one},O=Test`),
  );

  it('comes out of its text again, and is a name for those who read strictly', () => {
    fc.assert(
      fc.property(text, (given) => {
        const name = generalNameFromText(given);
        expect(generalNameFromText(generalNameText(name))).toEqual(name);
        expect(generalNamesFault(subjectAltNameExtension([encodeGeneralName(name)], subjectFromText('CN=a')).value)).toBeUndefined();
      }),
    );
  });

  it('never makes an element that a strict reader refuses, whatever the text', () => {
    fc.assert(
      fc.property(fc.constantFrom('dns:', 'ip:', 'email:', 'uri:'), fc.string({ unit: 'binary', maxLength: 30 }), (kind, rest) => {
        let name;
        try {
          name = generalNameFromText(kind + rest);
        } catch {
          return;
        }
        expect(generalNamesFault(subjectAltNameExtension([encodeGeneralName(name)], subjectFromText('CN=a')).value)).toBeUndefined();
      }),
    );
  });

  it('an address is its octets, and its octets the address', () => {
    fc.assert(
      fc.property(octets, (address) => {
        expect(ipOctets(ipText(address))).toEqual(address);
      }),
    );
  });
});

describe('the subject alternative name', () => {
  it('is critical exactly where the subject is empty, and says nothing twice', () => {
    const alternative = names('dns:a.example', 'dns:A.example', 'dns:b.example');
    expect(shown(subjectAltNameExtension(alternative, subjectFromText('CN=a')))).toContain(
      'Subject Alternative Name: \n                DNS:a.example, DNS:b.example\n',
    );
    expect(certificateText(made([subjectAltNameExtension(alternative, subjectFromText(''))], subjectFromText('')))).toContain(
      'Subject Alternative Name: critical\n',
    );
  });
});

describe('extensions openssl reads', () => {
  it('where CRL, OCSP and the issuer are', () => {
    const text = shown(
      crlDistributionPointsExtension(['http://a.test/ca.crl', 'ldap://b.test/cn=ca']),
      authorityInformationExtension(['http://ocsp.test/'], ['http://a.test/ca.crt'])!,
    );
    expect(text).toMatch(/CRL Distribution Points: \n +Full Name:\n +URI:http:\/\/a.test\/ca.crl\n? +URI:ldap:\/\/b.test\/cn=ca\n/u);
    expect(text).toMatch(
      /Authority Information Access: \n +OCSP - URI:http:\/\/ocsp.test\/\n +CA Issuers - URI:http:\/\/a.test\/ca.crt\n/u,
    );
    expect(authorityInformationExtension([], [])).toBeUndefined();
  });

  it('path length, name constraints, policies', () => {
    const constraints = nameConstraintsExtension({
      permitted: [
        'dns:.example.test',
        'ip:10.0.0.0/8',
        'ip:2001:db8::/33',
        'email:.example.test',
        'email:ca@example.test',
        'dirName:O=EXAMPLE.TEST',
      ].map(nameConstraintFromText),
      excluded: ['dns:bad.example.test', 'uri:.example.test'].map(nameConstraintFromText),
    });
    const text = shown(caBasicConstraintsWith(0), constraints, certificatePoliciesExtension(['2.5.29.32.0', '1.3.6.1.4.1.99999.1']));
    expect(text).toMatch(/Basic Constraints: critical\n +CA:TRUE, pathlen:0\n/u);
    expect(text).toMatch(
      /Name Constraints: critical\n +Permitted:\n +DNS:example.test\n +IP:10.0.0.0\/255.0.0.0\n +IP:2001:DB8:0:0:0:0:0:0\/FFFF:FFFF:8000:0:0:0:0:0\n +email:.example.test\n +email:ca@example.test\n +DirName:O = EXAMPLE.TEST\n +Excluded:\n +DNS:bad.example.test\n +URI:.example.test\n/u,
    );
    expect(text).toMatch(/Certificate Policies: \n +Policy: X509v3 Any Policy\n +Policy: 1.3.6.1.4.1.99999.1\n/u);
  });

  it("Netscape's", () => {
    const text = shown(netscapeCertTypeExtension(['client', 'email']), netscapeCommentExtension('OpenSSL Generated'));
    expect(text).toMatch(/Netscape Cert Type: \n +SSL Client, S\/MIME\n/u);
    expect(text).toMatch(/Netscape Comment: \n +OpenSSL Generated\n/u);
    expect(shown(netscapeCertTypeExtension(['sslCA', 'emailCA', 'objCA']))).toMatch(/SSL CA, S\/MIME CA, Object Signing CA\n/u);
  });

  it('the authority key identifier with issuer and serial', () => {
    const issuer = { issuer: subjectFromText('CN=Root,O=Test'), serial: Uint8Array.of(1, 2) };
    expect(shown(subjectKeyIdExtension(Uint8Array.of(9)), authorityKeyIdExtension(Uint8Array.of(0xab), issuer))).toMatch(
      /Authority Key Identifier: \n +(?:keyid:)?AB\n? +DirName:\/O=Test\/CN=Root\n +serial:01:02\n/u,
    );
  });

  it('key usage and extended key usage', () => {
    const text = shown(keyUsageExtension(['keyCertSign', 'cRLSign']), extendedKeyUsageExtension(['1.3.6.1.5.5.7.3.4']));
    expect(text).toMatch(/Key Usage: critical\n +Certificate Sign, CRL Sign\n/u);
    expect(text).toMatch(/Extended Key Usage: \n +E-mail Protection\n/u);
  });

  it.each(['10.0.0.1/8', '10.0.0.0/33', '10.0.0.0', '2001:db8::/129', '10.0.0.0/8/8', '/8'])('%s is no range', (text) => {
    expect(ipRange(text)).toBeUndefined();
    expect(() => nameConstraintFromText(`ip:${text}`)).toThrow(/is no part of the names of a CA/u);
  });
});

describe('a subject', () => {
  it.each([
    ['CN=My Company Root CA,O=Acme,C=US', 'subject=C = US, O = Acme, CN = My Company Root CA\n'],
    ['/C=US/O=Acme/CN=My Company Root CA', 'subject=C = US, O = Acme, CN = My Company Root CA\n'],
    ['/O=a, b; "c"/CN=x\\/y\\+z', 'subject=O = "a, b; \\"c\\"", CN = "x/y+z"\n'],
    ['/C=US/O=A+OU=B/CN=#1', 'subject=C = US, O = A + OU = B, CN = "#1"\n'],
    ['/O=a\\\\b', 'subject=O = a\\\\b\n'],
    ['/O=a\\,b', 'subject=O = "a,b"\n'],
  ])('%s', (text, seen) => {
    expect(certificateText(made([], subjectFromText(text)), '-subject')).toBe(seen);
  });

  it.each([
    ['C=USA', /where 2 is the most/u],
    ['C=1a', /not two letters/u],
    [`CN=${'x'.repeat(65)}`, /65 characters in CN, where 64 is the most/u],
    [`O=${'x'.repeat(65)}`, /65 characters in O,/u],
    [`L=${'x'.repeat(129)}`, /129 characters in L,/u],
    ['serialNumber=Zoë', /not made of letters/u],
    ['E=zoë@example.test', /is not ASCII/u],
    ['CN=', /has an empty CN/u],
    ['/CN=a\\', /ends in the middle of an escape/u],
    ['/C=US/nonsense', /cannot be read/u],
  ])('%s is none', (text, why) => {
    expect(() => subjectFromText(text)).toThrow(why);
  });

  it('takes as many characters as the bound says, however many octets', () => {
    expect(() => subjectFromText(`CN=${'ë'.repeat(64)}`)).not.toThrow();
  });
});
