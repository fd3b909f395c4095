import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokenByUri } from '../../src/cli/token/token-uri.js';
import { parseSelector } from '../../src/pkcs11/objects/selection.js';
import { uriNames } from '../../src/pkcs11/slots.js';
import { formatUri, namingUri, parseUri, type Pkcs11Uri } from '../../src/pkcs11/uri.js';

const text = fc.string({ unit: 'binary' });
const uris: fc.Arbitrary<Pkcs11Uri> = fc.record(
  {
    token: text,
    manufacturer: text,
    serial: text,
    model: text,
    libraryManufacturer: text,
    libraryDescription: text,
    libraryVersion: fc.constantFrom('3', '2.40'),
    slotManufacturer: text,
    slotDescription: text,
    slotId: fc.nat(),
    object: text,
    id: fc.uint8Array({ maxLength: 40 }),
    type: fc.constantFrom('public' as const, 'private' as const, 'cert' as const, 'secret-key' as const, 'data' as const),
    pinSource: text,
    modulePath: text,
    moduleName: text,
  },
  { requiredKeys: [] },
);

describe('a PKCS#11 URI', () => {
  it('is read back as it was written, whatever it names', () => {
    fc.assert(
      fc.property(uris, (uri) => {
        expect(parseUri(formatUri(uri))).toEqual(uri);
      }),
    );
  });

  it('is either understood or refused with CONFIG_INVALID, never anything else', () => {
    const pieces = fc.constantFrom('token', 'id', '=', ';', '&', '?', '%', '%4', '%41', '%ff', 'pin-value', 'slot-id', ' ', 'ä', '1');
    fc.assert(
      fc.property(fc.array(pieces), (parts) => {
        try {
          expect(parseUri(formatUri(parseUri(`pkcs11:${parts.join('')}`)))).toEqual(parseUri(`pkcs11:${parts.join('')}`));
        } catch (error) {
          expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
        }
      }),
    );
  });

  it.each([
    // RFC 7512 §3
    ['pkcs11:', {}],
    ['pkcs11:object=my-pubkey;type=public', { object: 'my-pubkey', type: 'public' }],
    [
      'pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=?pin-source=file:/etc/token_pin',
      {
        token: 'The Software PKCS#11 Softtoken',
        manufacturer: 'Snake Oil, Inc.',
        model: '1.0',
        object: 'my-certificate',
        type: 'cert',
        id: new Uint8Array([0x69, 0x95, 0x3e, 0x5c, 0xf4, 0xbd, 0xec, 0x91]),
        serial: '',
        pinSource: 'file:/etc/token_pin',
      },
    ],
    ['PKCS11:library-version=3.0;slot-id=18446', { libraryVersion: '3.0', slotId: 18446 }],
    ['pkcs11:token=a&b?module-path=/usr/lib/p.so', { token: 'a&b', modulePath: '/usr/lib/p.so' }],
    // RFC 7512 §2.4: what is not known in the query is passed over.
    ['pkcs11:token=a?x-vendor=1&module-name=m', { token: 'a', moduleName: 'm' }],
    // As p11tool printed it for a Nitrokey: no manufacturer, and the label's padding with it.
    [
      'pkcs11:model=PKCS%2315%20emulated;;serial=DENK0104068;token=SmartCard-HSM%20%28UserPIN%29%00%00%00%00%00%00%00%00%00;id=%E0%16;object=root;type=private',
      {
        model: 'PKCS#15 emulated',
        serial: 'DENK0104068',
        token: 'SmartCard-HSM (UserPIN)\0\0\0\0\0\0\0\0\0',
        id: new Uint8Array([0xe0, 0x16]),
        object: 'root',
        type: 'private',
      },
    ],
  ])('pass: %s', (uri, expected) => {
    expect(parseUri(uri)).toEqual(expected);
  });

  it('names the token whose label p11tool padded with %00', () => {
    const token = {
      slotId: 1,
      label: 'SmartCard-HSM (UserPIN)',
      manufacturer: 'www.CardContact.de',
      model: 'PKCS#15 emulated',
      serial: 'DENK0104068',
      loginRequired: true,
      initialized: true,
      writeProtected: false,
      pin: 'fine',
    } as const;
    expect(
      uriNames(
        parseUri('pkcs11:model=PKCS%2315%20emulated;;serial=DENK0104068;token=SmartCard-HSM%20%28UserPIN%29%00%00%00%00%00%00%00%00%00'),
        token,
      ),
    ).toBe(true);
    expect(uriNames(parseUri('pkcs11:token=SmartCard-HSM%20%28UserPIN'), token)).toBe(false);
  });

  it.each([
    ['another scheme', 'http:token=a', /must begin with 'pkcs11:'/u],
    ['an attribute twice', 'pkcs11:token=a;token=b', /has 'token' twice/u],
    ['an unknown attribute', 'pkcs11:x-vendor=1', /'x-vendor', which is not known in its path/u],
    ['a query attribute in the path', 'pkcs11:module-path=a', /not known in its path/u],
    ['no value', 'pkcs11:token', /without 'name=value'/u],
    ['a bare blank', 'pkcs11:token=a b', /must be percent-encoded/u],
    ['half an escape', 'pkcs11:token=%4', /must be percent-encoded/u],
    ['a label that is not UTF-8', 'pkcs11:token=%FF', /not UTF-8/u],
    ['a slot that is no number', 'pkcs11:slot-id=0x1', /not a number/u],
    ['an unknown type', 'pkcs11:type=key', /is none of public, private/u],
    ['a wrong version', 'pkcs11:library-version=3.', /major\.minor/u],
  ])('fail: %s', (_, uri, message) => {
    expect(() => parseUri(uri)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) as string }),
    );
  });

  it.each([
    'pkcs11:object=root;library-manufacturer=M',
    'pkcs11:object=root;library-description=D',
    'pkcs11:object=root;library-version=3.0',
    'pkcs11:object=root;slot-manufacturer=M',
    'pkcs11:object=root;slot-description=Slot%20B',
    'pkcs11:object=root?module-name=m',
  ])('as a name is refused with what nobody compares, though all of it must match: %s', (uri) => {
    const refused = /has '(?:library|slot|module)-[a-z]+', which is not compared here/u;
    expect(() => namingUri(uri)).toThrow(refused);
    expect(() => parseSelector(uri)).toThrow(refused);
    expect(() => tokenByUri(uri)).toThrow(refused);
  });

  it('refuses pin-value and does not repeat the PIN', () => {
    const parse = () => parseUri('pkcs11:token=a?pin-value=s3cret&module-name=x');
    expect(parse).toThrow(/PIN must not be written into a URI/u);
    expect(parse).not.toThrow(/s3cret/u);
  });
});
