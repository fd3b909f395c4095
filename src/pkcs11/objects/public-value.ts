import { createPublicKey, type JsonWebKeyInput } from 'node:crypto';

/** The public value of a key as its token has it. */
export type PublicValue =
  | { readonly type: 'RSA'; /** Big-endian, leading zeros allowed. */ readonly modulus: Uint8Array; readonly exponent: Uint8Array }
  | {
      readonly type: 'EC' | 'Ed25519';
      /** CKA_EC_PARAMS. */ readonly parameters: Uint8Array;
      /** CKA_EC_POINT. */ readonly point: Uint8Array;
    };

interface Curve {
  readonly name: string;
  /** Bits. */
  readonly size: number;
}

/**
 * CKA_EC_PARAMS, DER in hexadecimal: an object identifier or, for Edwards curves on some tokens, a PrintableString (PKCS#11 3.0 §2.3.5).
 */
const curves: Readonly<Record<string, Curve>> = {
  '06082a8648ce3d030107': { name: 'P-256', size: 256 },
  '06052b81040022': { name: 'P-384', size: 384 },
  '06052b81040023': { name: 'P-521', size: 521 },
  '06032b6570': { name: 'Ed25519', size: 255 },
  '130c656477617264733235353139': { name: 'Ed25519', size: 255 },
};

/** The curve behind CKA_EC_PARAMS, where we know it. */
export function curveOf(parameters: Uint8Array): Curve | undefined {
  return curves[Buffer.from(parameters).toString('hex')];
}

const rsaAlgorithm = Buffer.from('300d06092a864886f70d0101010500', 'hex');

/** RFC 8017 §A.1.1 in RFC 3279 §2.3.1, written by hand: making OpenSSL load its encoders takes longer than a signature. */
function rsaSpki(modulus: Uint8Array, exponent: Uint8Array): Uint8Array | undefined {
  if (modulus.length === 0 || exponent.length === 0) return undefined;
  const integer = (value: Uint8Array) => element(0x02, (value[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), value]) : value);
  const key = element(0x30, Buffer.concat([integer(modulus), integer(exponent)]));
  return new Uint8Array(element(0x30, Buffer.concat([rsaAlgorithm, element(0x03, Buffer.concat([Buffer.of(0), key]))])));
}

/** One DER element; a key is shorter than 64 KiB. */
function element(tag: number, content: Uint8Array): Buffer {
  const { length } = content;
  const header = length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
}

/** DER SubjectPublicKeyInfo; undefined for a curve we do not know or a value that is no point of it. */
export function spkiOf(value: PublicValue): Uint8Array | undefined {
  if (value.type === 'RSA') return rsaSpki(withoutLeadingZeros(value.modulus), withoutLeadingZeros(value.exponent));
  const key = jwkOf(value);
  if (key === undefined) return undefined;
  try {
    return new Uint8Array(createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'der' }));
  } catch {
    return undefined;
  }
}

function jwkOf(value: Exclude<PublicValue, { readonly type: 'RSA' }>): JsonWebKeyInput['key'] | undefined {
  switch (value.type) {
    case 'EC': {
      const curve = curveOf(value.parameters);
      const width = curve === undefined ? 0 : Math.ceil(curve.size / 8);
      const point = pointOf(value.point, 1 + 2 * width);
      if (curve === undefined || point.length !== 1 + 2 * width || point[0] !== 4) return undefined;
      return { kty: 'EC', crv: curve.name, x: base64url(point.subarray(1, 1 + width)), y: base64url(point.subarray(1 + width)) };
    }
    case 'Ed25519': {
      const point = pointOf(value.point, 32);
      return point.length === 32 ? { kty: 'OKP', crv: 'Ed25519', x: base64url(point) } : undefined;
    }
  }
}

/**
 * PKCS#11 2.40 §2.3.3 wants a DER OCTET STRING; some tokens give the bare point, of `bare` octets, which may begin like one. Points of our
 * curves are shorter than 256 octets.
 */
function pointOf(value: Uint8Array, bare: number): Uint8Array {
  const [tag, first, second] = value;
  if (tag !== 4 || value.length === bare) return value;
  if (first === value.length - 2) return value.subarray(2);
  return first === 0x81 && second === value.length - 3 ? value.subarray(3) : value;
}

/** A number's octets as RFC 7518 wants them, and as they can be compared. */
export function withoutLeadingZeros(value: Uint8Array): Uint8Array {
  const start = value.findIndex((byte) => byte !== 0);
  return start < 0 ? value.subarray(0, 0) : value.subarray(start);
}

function base64url(value: Uint8Array): string {
  return Buffer.from(value).toString('base64url');
}
