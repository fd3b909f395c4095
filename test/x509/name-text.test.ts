import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HsmongerError } from '../../src/errors.js';
import { element, objectIdentifier, sequence } from '../../src/x509/der.js';
import { nameFault, nameText, sameName } from '../../src/x509/names/name.js';
import { nameFromText } from '../../src/x509/names/name-text.js';

const utf8 = (text: string) => element(0x0c, Buffer.from(text));
const attribute = (type: string, value: Uint8Array) => sequence(objectIdentifier(type), value);
const cn = (text: string) => attribute('2.5.4.3', utf8(text));
const o = (text: string) => attribute('2.5.4.10', utf8(text));
const name = (...rdns: Uint8Array[][]) => sequence(...rdns.map((rdn) => element(0x31, ...rdn)));

describe('a name written as RFC 4514 says', () => {
  it.each<[string, string, Uint8Array]>([
    [
      'is read from its most specific part',
      'CN=Certificate Authority,O=EXAMPLE.TEST',
      name([o('EXAMPLE.TEST')], [cn('Certificate Authority')]),
    ],
    [
      'may have spaces beside its separators',
      'CN = Certificate Authority , O = EXAMPLE.TEST',
      name([o('EXAMPLE.TEST')], [cn('Certificate Authority')]),
    ],
    ['does not care for the case of a type', 'cn=a,o=b', name([o('b')], [cn('a')])],
    ['may give types as numbers', '2.5.4.3=a,OID.2.5.4.10=b', name([o('b')], [cn('a')])],
    ['may hold escaped separators', String.raw`CN=a\,b\+c\"\\\<\>\;\=\#,O=x`, name([o('x')], [cn(String.raw`a,b+c"\<>;=#`)])],
    ['may hold an equals sign as it is', 'CN=a=b', name([cn('a=b')])],
    ['may hold UTF-8 as it is', 'CN=Zoë 東京', name([cn('Zoë 東京')])],
    ['may hold UTF-8 as pairs of digits', String.raw`CN=Zo\C3\AB`, name([cn('Zoë')])],
    ['may have several attributes in one part', 'CN=a+O=b,O=c', name([o('c')], [cn('a'), o('b')])],
    ['may give a value as its DER', 'CN=#0c0161', name([cn('a')])],
    ['may begin and end with escaped spaces', String.raw`CN=\ a\ `, name([cn(' a ')])],
    ['may have an empty value', 'CN=,O=x', name([o('x')], [cn('')])],
    ['may be empty', '', name()],
    [
      'knows other names of one type',
      'emailAddress=a@b.test',
      name([attribute('1.2.840.113549.1.9.1', element(0x16, Buffer.from('a@b.test')))]),
    ],
  ])('%s', (_what, text, expected) => {
    const read = nameFromText(text);
    expect(nameFault(read)).toBeUndefined();
    expect(nameText(read)).toBe(nameText(expected));
    expect(sameName(read, expected)).toBe(true);
  });

  it('keeps escaped spaces and drops others, byte for byte', () => {
    expect(Buffer.from(nameFromText(String.raw`CN=  \ a\   `))).toEqual(Buffer.from(name([cn(' a ')])));
    expect(Buffer.from(nameFromText('CN=a\\\\ '))).toEqual(Buffer.from(name([cn('a\\')])));
  });

  it('sorts what one part holds, as DER wants', () => {
    expect(Buffer.from(nameFromText('O=b+CN=a'))).toEqual(Buffer.from(nameFromText('CN=a+O=b')));
  });
});

describe('what is no such text is refused in one sentence', () => {
  it.each([
    'CN',
    '=a',
    'CN=a,',
    'CN=a,,O=b',
    'CN=a+',
    'CN="a,b"',
    'CN=a;O=b',
    'CN=a<b',
    String.raw`CN=a\zz`,
    'CN=a\\',
    'CN=#0',
    'CN=#zz',
    'CN=#0c0261',
    'nosuch=a',
    '3.1=a',
    '1.40=a',
    '2.05=a',
    '1=a',
    String.raw`CN=\C3\28`,
    'CN=a\0b',
    ' , ',
    '/O=EXAMPLE.TEST/CN=a',
    `CN=${'a'.repeat(5000)}`,
  ])('%j', (text) => {
    expect(() => nameFromText(text)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/^The name '[^\n]*\.$/u) as string,
      }) as HsmongerError,
    );
  });

  it('at once, however many spaces it has', () => {
    const start = performance.now();
    expect(() => nameFromText(`CN=${' '.repeat(4000)}"`)).toThrow(HsmongerError);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

const someText = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !/\p{Cs}/u.test(text));
const someAttribute = fc.oneof(
  fc
    .tuple(fc.constantFrom('2.5.4.3', '2.5.4.6', '2.5.4.10', '0.9.2342.19200300.100.1.25', '1.2.3.4'), someText)
    .map(([type, text]) => attribute(type, utf8(text))),
  fc.uint8Array({ maxLength: 6 }).map((bytes) => attribute('2.5.4.45', element(0x03, Uint8Array.of(0), bytes))),
);
const someName = fc.array(fc.array(someAttribute, { minLength: 1, maxLength: 3 }), { maxLength: 4 }).map((rdns) => name(...rdns));

describe("and nameText() are each other's reverse", () => {
  it('for every name: the same name comes back, and the same text', () => {
    fc.assert(
      fc.property(someName, (der) => {
        const read = nameFromText(nameText(der));
        expect(sameName(read, der)).toBe(true);
        expect(sameName(nameFromText(nameText(read)), der)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('no text makes it fail otherwise than with its own refusal', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[CNO=,+\\# "a0-9.]{0,20}$/u)), (text) => {
        try {
          expect(nameFault(nameFromText(text))).toBeUndefined();
        } catch (error) {
          expect(error).toBeInstanceOf(HsmongerError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

it('openssl writes a text that is read as the very name it has', () => {
  const subject = '/O=EXAMPLE, Inc./OU=a\\+b "c"/CN=Zoë #1';
  const csr = execFileSync(
    'openssl',
    ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null', '-utf8', '-subj', subject],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const text = execFileSync('openssl', ['req', '-noout', '-subject', '-nameopt', 'RFC2253,-esc_msb,utf8'], { input: csr, encoding: 'utf8' })
    .trim()
    .replace(/^subject=/u, '');
  expect(nameText(nameFromText(text))).toBe(String.raw`CN=Zoë #1,OU=a\+b \"c\",O=EXAMPLE\, Inc.`);
});
