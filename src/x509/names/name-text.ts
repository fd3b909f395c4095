import { HsmongerError } from '../../errors.js';
import { derFault, element, objectIdentifier, sequence } from '../der.js';
import { shortNames } from './name.js';

/** One `type=value` and what ends it (RFC 4514 §3); spaces beside a separator as RFC 2253 writers leave them. */
const attribute =
  / *(?<type>[a-z][a-z0-9-]*|(?:oid\.)?(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+) *= *(?:#(?<hex>(?:[0-9a-f]{2})+) *|(?!#)(?<value>(?:\\(?:[0-9a-f]{2}|[ "#+,;<=>\\])|[^\\"+,;<>\0])*))(?<end>[,+]|$)/iuy;
const pieces = /\\(?:[0-9a-f]{2}|.)|[^\\]/giu;

/** No name in a configuration or a directory is longer; the pattern above is quadratic in spaces. */
const maxLength = 4096;

/** Dotted types by lower-case name: nameText()'s own, and what OpenSSL and NSS call the same. */
const types: ReadonlyMap<string, string> = new Map([
  ...Object.entries(shortNames).map(([dotted, name]) => [name.toLowerCase(), dotted] as const),
  ['emailaddress', '1.2.840.113549.1.9.1'],
  ['commonname', '2.5.4.3'],
  ['surname', '2.5.4.4'],
  ['countryname', '2.5.4.6'],
  ['localityname', '2.5.4.7'],
  ['stateorprovincename', '2.5.4.8'],
  ['streetaddress', '2.5.4.9'],
  ['organizationname', '2.5.4.10'],
  ['organizationalunitname', '2.5.4.11'],
  ['domaincomponent', '0.9.2342.19200300.100.1.25'],
  ['userid', '0.9.2342.19200300.100.1.1'],
  ['mail', '0.9.2342.19200300.100.1.3'],
  ['sn', '2.5.4.4'],
  ['t', '2.5.4.12'],
  ['title', '2.5.4.12'],
  ['gn', '2.5.4.42'],
  ['givenname', '2.5.4.42'],
  ['dnqualifier', '2.5.4.46'],
]);

const tags = { utf8: 0x0c, printable: 0x13, ia5: 0x16 } as const;

/** What RFC 5280 appendix A and RFC 4524 §2.16 allow for these alone; everything else is UTF-8. */
const asciiTags: Readonly<Record<string, number>> = {
  '2.5.4.5': tags.printable,
  '2.5.4.6': tags.printable,
  '2.5.4.46': tags.printable,
  '0.9.2342.19200300.100.1.25': tags.ia5,
  '0.9.2342.19200300.100.1.3': tags.ia5,
  '1.2.840.113549.1.9.1': tags.ia5,
};

/**
 * The DER Name an RFC 4514 text stands for (most specific part first, as FreeIPA and LDAP write it). Its strings are of types of our own
 * choosing, so names are compared with sameName(). CONFIG_INVALID for what is no such text.
 */
export function nameFromText(text: string): Uint8Array {
  if (text.length > maxLength) throw refused(text, `is longer than ${String(maxLength)} characters`);
  const rdns: Uint8Array[][] = [[]];
  for (let at = 0, ended = text.trim() === ''; !ended;) {
    attribute.lastIndex = at;
    const match = attribute.exec(text);
    if (match === null)
      throw refused(
        text,
        `cannot be read from character ${String(at + 1)} on (a comma, plus sign or quotation mark inside a value has a backslash in front)`,
      );
    const { type = '', hex, value = '', end = '' } = match.groups ?? {};
    const dotted = typeOf(text, type);
    rdns.at(-1)?.push(sequence(objectIdentifier(dotted), hex === undefined ? stringOf(text, dotted, value) : encodedOf(text, hex)));
    if (end === ',') rdns.push([]);
    at = attribute.lastIndex;
    ended = end === '';
  }
  // The first RDN of the text is the last of the name; a SET OF is sorted by its encodings (X.690 §11.6).
  return sequence(
    ...rdns
      .filter((rdn) => rdn.length > 0)
      .reverse()
      .map((rdn) => element(0x31, ...rdn.sort((a, b) => Buffer.compare(a, b)))),
  );
}

/**
 * The dotted type an attribute's name stands for, in RFC 4514's spelling or openssl's, or dotted itself; undefined for a name not known
 * here.
 */
export function attributeType(name: string): string | undefined {
  return /^\d/u.test(name) ? name : name.toLowerCase().startsWith('oid.') ? name.slice(4) : types.get(name.toLowerCase());
}

function typeOf(text: string, name: string): string {
  const dotted = attributeType(name);
  if (dotted === undefined) throw refused(text, `has an attribute '${name}', which is not known here; write its dotted number`);
  const [first = 0, second = 0] = dotted.split('.').map(Number);
  // X.660: under 0 and 1 there are forty arcs.
  if (first > 2 || (first < 2 && second > 39)) throw refused(text, `has an attribute '${name}', which is no object identifier`);
  return dotted;
}

function stringOf(text: string, dotted: string, value: string): Uint8Array {
  const found = value.match(pieces) ?? [];
  // Spaces at the end count only where they are escaped; those in front the pattern has left out.
  while (found.at(-1) === ' ') found.pop();
  const bytes = Buffer.concat(
    found.map((piece) => (/^\\[0-9a-f]{2}$/iu.test(piece) ? Buffer.from(piece.slice(1), 'hex') : Buffer.from(piece.replace(/^\\/u, '')))),
  );
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw refused(text, 'has escaped bytes that are no UTF-8', error);
  }
  const ascii = asciiTags[dotted];
  const fits = ascii === tags.printable ? /^[A-Za-z0-9 '()+,\-./:=?]*$/u : /^[\0-\x7f]*$/u;
  return element(ascii !== undefined && fits.test(bytes.toString('latin1')) ? ascii : tags.utf8, bytes);
}

function encodedOf(text: string, hex: string): Uint8Array {
  const der = Uint8Array.from(Buffer.from(hex, 'hex'));
  const fault = derFault(der);
  if (fault !== undefined) throw refused(text, `has a value after '#' that ${fault}`);
  return der;
}

function refused(text: string, why: string, cause?: unknown): HsmongerError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return new HsmongerError(
    'CONFIG_INVALID',
    `The name '${shown}' ${why}; names are written as in RFC 4514, such as CN=Certificate Authority,O=EXAMPLE.TEST.`,
    cause === undefined ? undefined : { cause },
  );
}
