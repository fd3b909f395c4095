import { HsmongerError } from '../errors.js';
import { element, elementsIn, equalBytes, objectIdentifier, sequence } from './der.js';
import { decodeString } from './directory-string.js';
import { nameFromText } from './name-text.js';

/** `/type=value` in openssl-req(1)'s -subj: '\' takes the next character as it is, '+' joins an RDN. */
const part = /(?<start>[/+])(?<type>[^=/+\\]+)=(?<value>(?:\\[^]|[^/+\\])*)/uy;

/** Characters a value may have (RFC 5280 appendix A.1, ub-…); readers refuse certificates that have more. */
const limits: readonly { readonly type: Uint8Array; readonly name: string; readonly most: number }[] = [
  { type: objectIdentifier('2.5.4.3'), name: 'CN', most: 64 },
  { type: objectIdentifier('2.5.4.5'), name: 'serialNumber', most: 64 },
  { type: objectIdentifier('2.5.4.7'), name: 'L', most: 128 },
  { type: objectIdentifier('2.5.4.8'), name: 'ST', most: 128 },
  { type: objectIdentifier('2.5.4.10'), name: 'O', most: 64 },
  { type: objectIdentifier('2.5.4.11'), name: 'OU', most: 64 },
  { type: objectIdentifier('2.5.4.12'), name: 'title', most: 64 },
  { type: objectIdentifier('1.2.840.113549.1.9.1'), name: 'E', most: 255 },
];
const country = objectIdentifier('2.5.4.6');

/**
 * The DER Name of a subject as people write it: RFC 4514's (most specific part first), or openssl's /C=…/O=…/CN=… where it begins with a
 * slash (in the order it is encoded in). USAGE for what RFC 5280 does not allow in a name, CONFIG_INVALID for what is neither form.
 */
export function subjectFromText(text: string): Uint8Array {
  const name = text.startsWith('/') ? fromOpenssl(text) : nameFromText(text);
  const attributes = elementsIn(name).flatMap(elementsIn);
  if (attributes.length === 0) throw new HsmongerError('USAGE', 'The subject is empty; write it as CN=My Root CA,O=My Company,C=US or /C=US/O=My Company/CN=My Root CA.');
  for (const attribute of attributes) {
    const fault = faultOf(attribute);
    if (fault !== undefined) throw new HsmongerError('USAGE', `The subject '${text}' has ${fault} (RFC 5280 appendix A.1).`);
  }
  return name;
}

function faultOf(attribute: Uint8Array): string | undefined {
  const [type = new Uint8Array(), value = new Uint8Array()] = elementsIn(attribute);
  const content = decodeString(value);
  if (content === undefined) return undefined;
  if (content.trim() === '') return 'a part without a value';
  if (equalBytes(type, country)) return /^[A-Za-z]{2}$/u.test(content) ? undefined : `the country C=${content}, which must be a code of two letters`;
  const limit = limits.find((known) => equalBytes(known.type, type));
  const length = Array.from(content).length;
  return limit === undefined || length <= limit.most ? undefined : `${limit.name} of ${String(length)} characters, and at most ${String(limit.most)} are allowed`;
}

function fromOpenssl(text: string): Uint8Array {
  const rdns: Uint8Array[][] = [];
  for (let at = 0; at < text.length; at = part.lastIndex) {
    part.lastIndex = at;
    const { start = '', type = '', value = '' } = part.exec(text)?.groups ?? {};
    if (type === '') throw new HsmongerError('CONFIG_INVALID', `The name '${text}' cannot be read from character ${String(at + 1)} on; openssl's form is /C=US/O=My Company/CN=My Root CA, with '\\' before '/' and '+' in a value.`);
    // Each attribute by the reader of RFC 4514, its value escaped for it: a name of one part.
    const attributes = elementsIn(nameFromText(`${type.trim()}=${escaped(value.replace(/\\([^])/gu, '$1'))}`)).flatMap(elementsIn);
    if (start === '+') rdns.at(-1)?.push(...attributes);
    else rdns.push(attributes);
  }
  return sequence(...rdns.map((rdn) => element(0x31, ...rdn.sort((a, b) => Buffer.compare(a, b)))));
}

function escaped(value: string): string {
  return Array.from(Buffer.from(value), (octet) => `\\${octet.toString(16).padStart(2, '0')}`).join('');
}
