import { element } from '../../../../src/x509/der.js';

/** DER in hexadecimal, as the tables of mutations are written. */

export const bytes = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(hex.replace(/\s/gu, ''), 'hex'));
export const hexOf = (der: Uint8Array | ArrayBuffer): string =>
  Buffer.from(der instanceof Uint8Array ? der : new Uint8Array(der)).toString('hex');

/** One element; `tag` and the parts of its content in hexadecimal. */
export const der = (tag: string, ...parts: readonly string[]): string => hexOf(element(Number.parseInt(tag, 16), ...parts.map(bytes)));
export const seq = (...parts: readonly string[]): string => der('30', ...parts);
export const text = (tag: string, content: string): string => der(tag, hexOf(Buffer.from(content)));
export const moment = (content: string): string => text('18', content);

/** A Name of one attribute in each RDN. */
export const name = (...attributes: readonly string[]): string => seq(...attributes.map((each) => der('31', each)));
export const attribute = (type: string, value: string): string => seq(type, value);
export const types = {
  commonName: '0603550403',
  country: '0603550406',
  mail: '06092a864886f70d010901',
  domain: '060a0992268993f22c640119',
  unknown: '0603550463',
} as const;

const digests = { sha1: '06052b0e03021a', sha256: '0609608648016503040201', sha384: '0609608648016503040202' } as const;
const digest = (which: keyof typeof digests): string => seq(digests[which], '0500');

/** RSASSA-PSS-params (RFC 4055 §3.1) as they are to be, but for what is said. */
export function pssParameters({
  hash = 'sha256',
  mask = digest('sha256'),
  function: maskFunction = '06092a864886f70d010108',
  salt = '20',
  trailer,
}: { hash?: keyof typeof digests; mask?: string; function?: string; salt?: string; trailer?: string } = {}): string {
  return seq(
    der('a0', digest(hash)),
    der('a1', seq(maskFunction, mask)),
    der('a2', der('02', salt)),
    ...(trailer === undefined ? [] : [der('a3', der('02', trailer))]),
  );
}
export const otherMask = digest('sha384');
