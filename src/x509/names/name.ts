import { derFault, dottedOf, elementsIn, equalBytes } from '../der.js';
import { decodeString } from './directory-string.js';
import { remembered } from '../remembered.js';
import { hex } from '../../platform/hex.js';

/** One attribute of a name: its dotted type, its value's DER, and the text of it where it is a string. */
export interface Attribute {
  readonly type: string;
  readonly value: Uint8Array;
  readonly text: string | undefined;
}

/**
 * RDNs in the order they are encoded; undefined when the bytes are no Name. Taken apart by hand: it is most of what issuing a certificate
 * would cost otherwise.
 */
export const parseName = remembered((der: Uint8Array): readonly (readonly Attribute[])[] | undefined => {
  if (der[0] !== sequenceTag || derFault(der) !== undefined) return undefined;
  try {
    return elementsIn(der).map((rdn) => (rdn[0] === setTag ? elementsIn(rdn).map(attributeOf) : unfit()));
  } catch {
    return undefined;
  }
});

const sequenceTag = 0x30;
const setTag = 0x31;

function attributeOf(der: Uint8Array): Attribute {
  const [type, value, ...more] = der[0] === sequenceTag ? elementsIn(der) : [];
  if (type === undefined || value === undefined || more.length > 0) return unfit();
  return { type: dottedOf(type), value, text: decodeString(value) };
}

function unfit(): never {
  throw new Error('has not the structure it should have');
}

/** Why the bytes are no Name others can read, as the end of a sentence; undefined when they are one. The empty name is one. */
export function nameFault(der: Uint8Array): string | undefined {
  const rdns = parseName(der);
  if (rdns === undefined) return 'is no name';
  // RFC 5280 §4.1.2.4: SET SIZE (1..MAX).
  if (rdns.some((rdn) => rdn.length === 0)) return 'has a part that says nothing';
  const unreadable = rdns.flat().find(({ text }) => text === undefined);
  return unreadable === undefined
    ? undefined
    : `has an attribute ${shortNames[unreadable.type] ?? unreadable.type} that is not the text it claims to be`;
}

/** Whether two names are the same by RFC 5280 §7.1: string type, case, spaces and the order inside an RDN do not count. */
export function sameName(left: Uint8Array, right: Uint8Array): boolean {
  if (equalBytes(left, right)) return true;
  const [a, b] = [canonical(left), canonical(right)];
  return a !== undefined && a === b;
}

/** Whether a name is `top`, or stands below it in the tree of names (RFC 5280 §4.2.1.10, directoryName), compared as in sameName(). */
export function standsBelow(name: Uint8Array, top: Uint8Array): boolean {
  const [parts, above] = [canonicalParts(name), canonicalParts(top)];
  return above?.every((part, index) => parts?.[index] === part) ?? false;
}

const canonical = remembered((der: Uint8Array): string | undefined => {
  const parts = canonicalParts(der);
  return parts === undefined ? undefined : JSON.stringify(parts);
});

/** One comparable text for each RDN. */
function canonicalParts(der: Uint8Array): string[] | undefined {
  return parseName(der)?.map((rdn) => JSON.stringify(rdn.map(canonicalAttribute).sort()));
}

const canonicalAttribute = ({ type, value, text }: Attribute) => `${type}=${text === undefined ? `#${hex(value)}` : `:${fold(text)}`}`;

/** The same for two attributes. */
export function sameText(left: Attribute, right: Attribute): boolean {
  return canonicalAttribute(left) === canonicalAttribute(right);
}

// RFC 4518 §2 in the parts that matter: compatibility composition, case, and runs of spaces.
const fold = (text: string) => text.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/\s+/gu, ' ').trim();

/** RFC 4514 §3, and the few more that people know from getcert and openssl. */
export const shortNames: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '0.9.2342.19200300.100.1.25': 'DC',
  '0.9.2342.19200300.100.1.1': 'UID',
  '1.2.840.113549.1.9.1': 'E',
};

/** A name for people, as RFC 4514 writes it (most specific first). Never holds control characters, whatever the name holds. */
export function nameText(der: Uint8Array): string {
  const rdns = parseName(der);
  if (rdns === undefined) return `#${hex(der)}`;
  return rdns
    .toReversed()
    .map((rdn) => rdn.map(attributeText).join('+'))
    .join(',');
}

/** The (last, most specific) common name for people, or the whole name where it has none; no control characters. */
export function commonNameOf(der: Uint8Array): string {
  const text = parseName(der)
    ?.flat()
    .findLast(({ type }) => shortNames[type] === 'CN')
    ?.text?.replace(unprintable, ' ')
    .trim();
  return text === undefined || text === '' ? nameText(der) : text;
}

function attributeText({ type, value, text }: Attribute): string {
  const name = shortNames[type];
  return name === undefined || text === undefined ? `${name ?? type}=#${hex(value)}` : `${name}=${escape(text)}`;
}

/** Controls, and format characters that would turn the text around on a screen. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

function escape(text: string): string {
  return text
    .replace(/[\\"+,;<>=]/gu, '\\$&')
    .replace(/^[ #]| $/gu, '\\$&')
    .replace(unprintable, (character) =>
      [...Buffer.from(character)].map((octet) => `\\${octet.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    );
}
