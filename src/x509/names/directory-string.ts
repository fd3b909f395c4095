const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const latin1 = (content: Uint8Array) => Buffer.from(content).toString('latin1');

/** Text of the string types a DirectoryString and its relatives may have (RFC 5280 §4.1.2.4), by tag. */
const decoders: Readonly<Record<number, (content: Uint8Array) => string | undefined>> = {
  0x0c: (content) => utf8.decode(content),
  0x12: ascii,
  0x13: ascii,
  // T.61 in the standard, Latin-1 in every certificate that has one.
  0x14: latin1,
  0x16: ascii,
  0x1a: ascii,
  0x1c: (content) => codePoints(content, 4),
  0x1e: (content) => codePoints(content, 2),
};

function ascii(content: Uint8Array): string | undefined {
  return content.every((octet) => octet < 0x80) ? latin1(content) : undefined;
}

function codePoints(content: Uint8Array, width: 2 | 4): string | undefined {
  if (content.length % width !== 0) return undefined;
  const view = Buffer.from(content);
  const points = Array.from({ length: content.length / width }, (_, index) => view.readUIntBE(index * width, width));
  // BMPString holds no surrogates by definition; pairs are met all the same and read as UTF-16.
  const text =
    width === 2
      ? points.map((unit) => String.fromCharCode(unit)).join('')
      : points.every((point) => point <= 0x10ffff)
        ? String.fromCodePoint(...points)
        : undefined;
  return text === undefined || /\p{Cs}/u.test(text) ? undefined : text;
}

/** The text of a DER string; undefined for other types and for bytes that are not of the type they claim. */
export function decodeString(der: Uint8Array): string | undefined {
  const [tag = 0, first = 0] = der;
  try {
    return decoders[tag]?.(der.subarray(first < 0x80 ? 2 : 2 + (first & 0x7f)));
  } catch {
    return undefined;
  }
}
