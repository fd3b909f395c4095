/**
 * DER beside the schema library: a check that input is DER before a tolerant BER reader sees it, and a writer that puts
 * given bytes together without ever decoding them. Whatever must stay byte for byte is joined here, never re-encoded.
 */

/** No certificate, and nothing that fits into one of certmonger's environment variables, is larger; a CRL may be. */
export const maxBytes = 1024 * 1024;
const maxDepth = 24;

const constructed = 0x20;
const universalConstructed = new Set([0x30, 0x31]);

/** Why `bytes` is not exactly one DER element (X.690 §10), as the end of a sentence, or undefined when it is. */
export function derFault(bytes: Uint8Array, most = maxBytes): string | undefined {
  if (bytes.length > most) return `is larger than ${String(most / 1024 / 1024)} MiB`;
  /** Ends of the constructed elements we are inside of. */
  const ends = [bytes.length];
  for (let at = 0; at < bytes.length;) {
    while (ends.length > 1 && at === ends.at(-1)) ends.pop();
    if (ends.length === 1 && at !== 0) return 'has bytes after its end';
    const header = readHeader(bytes, at);
    if (typeof header === 'string') return header;
    const end = header.content + header.length;
    if (end > (ends.at(-1) ?? 0)) return 'is cut short';
    if (header.tag < 0x40 && universalConstructed.has(header.tag | constructed) !== ((header.tag & constructed) !== 0))
      return 'mixes primitive and constructed encodings';
    if ((header.tag & constructed) === 0) {
      at = end;
    } else {
      if (ends.length >= maxDepth) return 'is nested too deeply';
      if (header.length > 0) ends.push(end);
      at = header.content;
    }
  }
  return bytes.length === 0 ? 'is empty' : undefined;
}

function readHeader(bytes: Uint8Array, at: number): { readonly tag: number; readonly content: number; readonly length: number } | string {
  const tag = bytes[at] ?? 0;
  // No structure of RFC 5280 or RFC 2986 has a tag number above 30.
  if ((tag & 0x1f) === 0x1f) return 'has a tag number no certificate uses';
  const first = bytes[at + 1];
  if (first === undefined) return 'is cut short';
  if (first < 0x80) return { tag, content: at + 2, length: first };
  const count = first & 0x7f;
  if (count === 0 || count > 4) return 'has a length that is not DER';
  let length = 0;
  for (const octet of bytes.subarray(at + 2, at + 2 + count)) length = length * 256 + octet;
  if (at + 2 + count > bytes.length) return 'is cut short';
  if (length < 0x80 || bytes[at + 2] === 0) return 'has a length that is not DER';
  return { tag, content: at + 2 + count, length };
}

/** The elements inside one constructed element that derFault() has passed, tags and lengths included. */
export function elementsIn(bytes: Uint8Array): Uint8Array[] {
  return fewElementsIn(bytes, Infinity);
}

/** The same; throws an Error whose message ends a sentence where there are more than `most`. */
export function fewElementsIn(bytes: Uint8Array, most: number): Uint8Array[] {
  const elements: Uint8Array[] = [];
  for (const [from, end] of placesIn(bytes)) {
    if (elements.length >= most) throw new Error('has not the structure it should have');
    elements.push(bytes.slice(from, end));
  }
  return elements;
}

/** How many there are: a list of millions fits into memory as it is, and not as so many objects. */
export function countElements(bytes: Uint8Array): number {
  const places = placesIn(bytes);
  for (let count = 0; ; count += 1) if (places.next().done === true) return count;
}

function* placesIn(bytes: Uint8Array): Generator<readonly [number, number]> {
  for (let at = contentAt(bytes); at < bytes.length;) {
    const header = readHeader(bytes, at);
    if (typeof header === 'string') throw new Error(header);
    const end = header.content + header.length;
    yield [at, end];
    at = end;
  }
}

/** The content of one element that derFault() has passed. */
export function contentOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(contentAt(bytes));
}

function contentAt(bytes: Uint8Array): number {
  const header = readHeader(bytes, 0);
  if (typeof header === 'string') throw new Error(header);
  return header.content;
}

/** One element: `tag`, the DER length, then `parts` as they are. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const octets: number[] = [];
  if (length >= 0x80) for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  const made = new Uint8Array(2 + octets.length + length);
  made[0] = tag;
  made[1] = octets.length === 0 ? length : 0x80 | octets.length;
  made.set(octets, 2);
  let at = 2 + octets.length;
  for (const part of parts) {
    made.set(part, at);
    at += part.length;
  }
  return made;
}

export const sequence = (...parts: readonly Uint8Array[]): Uint8Array => element(0x30, ...parts);
export const octetString = (content: Uint8Array): Uint8Array => element(0x04, content);
export const booleanTrue = Uint8Array.of(0x01, 0x01, 0xff);

/** A BIT STRING of whole octets. */
export const bitString = (content: Uint8Array): Uint8Array => element(0x03, Uint8Array.of(0), content);

/** A named bit list of at most eight bits, the first of them the highest: trailing zero bits are cut off (X.690 §11.2.2). */
export function namedBits(octet: number): Uint8Array {
  return element(0x03, octet === 0 ? Uint8Array.of(0) : Uint8Array.of(31 - Math.clz32(octet & -octet), octet));
}

/** An INTEGER from its content octets, minimal and signed already. */
export const integer = (content: Uint8Array): Uint8Array => element(0x02, content);

/** An INTEGER that is not negative. */
export function unsigned(value: bigint): Uint8Array {
  const digits = value.toString(16);
  const content = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  // The first bit is the sign's.
  return integer((content[0] ?? 0) < 0x80 ? content : Buffer.concat([Buffer.of(0), content]));
}

/** The value of an INTEGER's content octets; undefined for none and for a negative one. */
export function unsignedValue(content: Uint8Array): bigint | undefined {
  return content.length === 0 || (content[0] ?? 0) >= 0x80 ? undefined : BigInt(`0x${Buffer.from(content).toString('hex')}`);
}

/** The few types our names and extensions have, in both forms: they come again in every certificate. */
const knownTypes = new Map<string, Uint8Array>();
const knownNames = new Map<string, string>();
const maxKnown = 500;
/** NSS and OpenSSL have none of a quarter of that; one made of a UUID (X.667) has 20. */
const maxTypeOctets = 256;

/** An OBJECT IDENTIFIER from its dotted form. */
export function objectIdentifier(dotted: string): Uint8Array {
  const known = knownTypes.get(dotted);
  if (known !== undefined) return known;
  const [first = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt);
  const made = element(0x06, Uint8Array.from([first * 40n + second, ...rest].flatMap(base128)));
  if (knownTypes.size < maxKnown) knownTypes.set(dotted, made);
  return made;
}

/**
 * The dotted form of an OBJECT IDENTIFIER element that derFault() has passed; throws an Error whose message ends a sentence for another
 * element (X.690 §8.19).
 */
export function dottedOf(der: Uint8Array): string {
  const key = Buffer.from(der.buffer, der.byteOffset, der.length).toString('latin1');
  const known = knownNames.get(key);
  if (known !== undefined) return known;
  const content = contentOf(der);
  // What follows takes the square of its length.
  if (content.length > maxTypeOctets) throw new Error('names a type by an object identifier longer than any in use');
  if (der[0] !== 0x06 || content.length === 0 || (content.at(-1) ?? 0x80) >= 0x80) throw new Error('has not the structure it should have');
  const arcs: bigint[] = [];
  let arc = 0n;
  let begins = true;
  for (const octet of content) {
    if (begins && octet === 0x80) throw new Error('has not the structure it should have');
    arc = (arc << 7n) | BigInt(octet & 0x7f);
    begins = octet < 0x80;
    if (begins) {
      arcs.push(arc);
      arc = 0n;
    }
  }
  const [joint = 0n, ...rest] = arcs;
  const first = joint < 80n ? joint / 40n : 2n;
  const made = [first, joint - first * 40n, ...rest].join('.');
  if (knownNames.size < maxKnown) knownNames.set(key, made);
  return made;
}

function base128(arc: bigint): number[] {
  const octets = [Number(arc & 0x7fn)];
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) octets.unshift(Number(rest & 0x7fn) | 0x80);
  return octets;
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
