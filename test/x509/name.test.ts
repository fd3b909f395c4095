import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { element, objectIdentifier, sequence } from '../../src/x509/der.js';
import { commonNameOf, nameText, sameName } from '../../src/x509/names/name.js';

const utf8 = (text: string) => element(0x0c, Buffer.from(text));
const printable = (text: string) => element(0x13, Buffer.from(text));
const bmp = (text: string) => element(0x1e, Buffer.from(text, 'utf16le').swap16());
const universal = (text: string) =>
  element(
    0x1c,
    Buffer.concat(Array.from(text, (character) => Buffer.from([0, 0, character.codePointAt(0)! >> 8, character.codePointAt(0)! & 0xff]))),
  );
const teletex = (text: string) => element(0x14, Buffer.from(text, 'latin1'));
const attribute = (type: string, value: Uint8Array) => sequence(objectIdentifier(type), value);
const cn = (value: Uint8Array) => attribute('2.5.4.3', value);
const ou = (value: Uint8Array) => attribute('2.5.4.11', value);
const rdn = (...attributes: Uint8Array[]) => element(0x31, ...attributes);
const name = (...rdns: Uint8Array[]) => sequence(...rdns);

describe('two names are the same', () => {
  it.each([
    ['in other string types', name(rdn(cn(utf8('Zoë'))), rdn(ou(utf8('x')))), name(rdn(cn(bmp('Zoë'))), rdn(ou(printable('x'))))],
    ['in T.61 and in UTF-32', name(rdn(cn(teletex('Zoë')))), name(rdn(cn(universal('Zoë'))))],
    ['in other case', name(rdn(cn(utf8('ÉCOLE')))), name(rdn(cn(utf8('école'))))],
    ['with other spaces', name(rdn(cn(utf8(' a  b ')))), name(rdn(cn(utf8('a b'))))],
    ['with an RDN in another order', name(rdn(cn(utf8('a')), ou(utf8('b')))), name(rdn(ou(utf8('b')), cn(utf8('a'))))],
    ['decomposed', name(rdn(cn(utf8('e\u0301')))), name(rdn(cn(utf8('é'))))],
    ['empty', name(), name()],
  ])('%s', (_what, left, right) => {
    expect(sameName(left, right)).toBe(true);
    expect(sameName(right, left)).toBe(true);
  });
});

describe('two names are not the same', () => {
  it.each([
    ['when an RDN is split', name(rdn(cn(utf8('a')), ou(utf8('b')))), name(rdn(cn(utf8('a'))), rdn(ou(utf8('b'))))],
    ['when RDNs change places', name(rdn(cn(utf8('a'))), rdn(ou(utf8('b')))), name(rdn(ou(utf8('b'))), rdn(cn(utf8('a'))))],
    ['when types change places', name(rdn(cn(utf8('a')))), name(rdn(ou(utf8('a'))))],
    ['when one holds what looks like the other', name(rdn(cn(utf8('a,OU=b')))), name(rdn(cn(utf8('a'))), rdn(ou(utf8('b'))))],
    ['when a value is no string', name(rdn(cn(element(0x04, Buffer.from('a'))))), name(rdn(cn(utf8('a'))))],
    ['when there is more', name(rdn(cn(utf8('a'))), rdn(ou(utf8('b')))), name(rdn(cn(utf8('a'))))],
    ['when one is no name', name(rdn(cn(utf8('a')))), Uint8Array.of(1, 2, 3)],
  ])('%s', (_what, left, right) => {
    expect(sameName(left, right)).toBe(false);
  });
});

describe('the text of a name', () => {
  it.each([
    [
      'most specific first',
      name(rdn(attribute('2.5.4.10', utf8('IPA.TEST'))), rdn(cn(utf8('Certificate Authority')))),
      'CN=Certificate Authority,O=IPA.TEST',
    ],
    ['with commas and their like escaped', name(rdn(cn(utf8('a, "b"+c;d<e>=\\')))), 'CN=a\\, \\"b\\"\\+c\\;d\\<e\\>\\=\\\\'],
    ['with leading and trailing blanks escaped', name(rdn(cn(utf8(' a ')))), 'CN=\\ a\\ '],
    ['with a leading number sign escaped', name(rdn(cn(utf8('#a')))), 'CN=\\#a'],
    ['with multi-valued RDNs joined', name(rdn(cn(utf8('a')), ou(utf8('b')))), 'CN=a+OU=b'],
    ['with UTF-8 as it is', name(rdn(cn(utf8('Zoë 証明')))), 'CN=Zoë 証明'],
    ['with unknown types and values in hexadecimal', name(rdn(attribute('1.2.3.4', utf8('a')))), '1.2.3.4=#0c0161'],
    ['with broken UTF-8 in hexadecimal', name(rdn(cn(element(0x0c, Uint8Array.of(0xff, 0xfe))))), 'CN=#0c02fffe'],
    ['with control and direction characters escaped', name(rdn(cn(utf8('a\n\0\u202eb')))), 'CN=a\\0A\\00\\E2\\80\\AEb'],
    ['in hexadecimal where it is no name', Uint8Array.of(0x05, 0x00), '#0500'],
    ['empty', name(), ''],
  ])('is written %s', (_what, der, text) => {
    expect(nameText(der)).toBe(text);
  });

  it('never holds a control character, whatever the name holds', () => {
    fc.assert(
      fc.property(fc.constantFrom(0x0c, 0x13, 0x14, 0x16, 0x1c, 0x1e), fc.uint8Array({ maxLength: 40 }), (tag, content) => {
        const der = name(rdn(cn(element(tag, content))));
        expect(nameText(der) + commonNameOf(der)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u);
      }),
      { numRuns: 500 },
    );
  });

  it('of a common name is the most specific one, and the whole name where there is none', () => {
    expect(commonNameOf(name(rdn(cn(utf8('first'))), rdn(cn(utf8('last')))))).toBe('last');
    expect(commonNameOf(name(rdn(ou(utf8('only')))))).toBe('OU=only');
  });
});
