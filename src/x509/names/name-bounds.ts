import { parseName, shortNames } from './name.js';

/** Upper bounds in characters (RFC 5280 appendix A.1); an attribute that is not here has none. */
const upperBounds: Readonly<Record<string, number>> = {
  '2.5.4.3': 64,
  '2.5.4.4': 32_768,
  '2.5.4.5': 64,
  '2.5.4.6': 2,
  '2.5.4.7': 128,
  '2.5.4.8': 128,
  '2.5.4.10': 64,
  '2.5.4.11': 64,
  '2.5.4.12': 64,
  '2.5.4.41': 32_768,
  '2.5.4.42': 32_768,
  '2.5.4.43': 32_768,
  '2.5.4.44': 32_768,
  '2.5.4.65': 128,
  '1.2.840.113549.1.9.1': 255,
};

const printable = 0x13;
/** X.680 §41.4, table 10. */
const printableText = /^[A-Za-z0-9 '()+,\-./:=?]*$/u;
/** TeletexString, UniversalString, BMPString: RFC 5280 §4.1.2.4 leaves only PrintableString and UTF8String where there is a choice. */
const outworn: ReadonlySet<number> = new Set([0x14, 0x1c, 0x1e]);
const ia5 = 0x16;
const country = '2.5.4.6';

/** The one string type of these (RFC 5280 appendix A.1 and A.2). */
const stringTypes: Readonly<Record<string, number>> = {
  '2.5.4.5': printable,
  [country]: printable,
  '2.5.4.46': printable,
  '0.9.2342.19200300.100.1.25': ia5,
  '1.2.840.113549.1.9.1': ia5,
};

/**
 * Why a Name that nameFault() has passed is none that RFC 5280 lets a new certificate have, as the end of a sentence; undefined when it is
 * one.
 */
export function nameBoundsFault(der: Uint8Array): string | undefined {
  for (const { type, value, text = '' } of parseName(der)?.flat() ?? []) {
    const name = shortNames[type] ?? type;
    const [tag = 0] = value;
    const characters = text.trim() === '' ? 0 : Array.from(text).length;
    const bound = upperBounds[type];
    if (characters === 0) return `has an empty ${name}, and every part of a name says something`;
    if (bound !== undefined && characters > bound)
      return `has ${String(characters)} characters in ${name}, where ${String(bound)} is the most (RFC 5280 appendix A)`;
    if (type === country && !/^[A-Za-z]{2}$/u.test(text)) return `has a country '${text}', which is not two letters (ISO 3166)`;
    const wanted = stringTypes[type];
    if (wanted !== undefined && tag !== wanted)
      return `has an ${name} that is not ${wanted === ia5 ? 'ASCII' : 'made of letters, digits and the few signs a PrintableString has'}`;
    if (outworn.has(tag))
      return `has an ${name} in an encoding that new certificates have not had since 2003 (RFC 5280 §4.1.2.4); UTF-8 takes its place`;
    if (tag === printable && !printableText.test(text))
      return `has an ${name} '${text}' that says it is a PrintableString, which has no such signs; UTF-8 takes its place`;
  }
  return undefined;
}
