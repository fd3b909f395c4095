import { bitString, contentOf, dottedOf, element, elementsIn, equalBytes, objectIdentifier, sequence } from './der.js';
import { oids } from './oids.js';
import { keyFingerprint, pointOf } from './public-key.js';

/**
 * The SubjectPublicKeyInfos under which one key may be found, `spki` first: whoever has a key chooses how it is wrapped. An RSA key has
 * parameters or none, or is bound to RSASSA-PSS without saying more (RFC 3279 §2.3.1, RFC 4055 §1.2); a point is there in full, compressed
 * or both (SEC 1 §2.3.3).
 */
export function wrappings(spki: Uint8Array): Uint8Array[] {
  const [algorithm, bits] = elementsIn(spki);
  if (algorithm === undefined || bits === undefined) return [spki];
  return [spki, ...othersOf(spki, algorithm, bits).filter((other) => !equalBytes(other, spki))];
}

/** keyFingerprint() of each: who has a compressed point certified instead has the same key. */
export function fingerprintsOf(spki: Uint8Array): string[] {
  return wrappings(spki).map(keyFingerprint);
}

function othersOf(spki: Uint8Array, algorithm: Uint8Array, bits: Uint8Array): Uint8Array[] {
  switch (dottedOf(elementsIn(algorithm)[0] ?? algorithm)) {
    case oids.rsaEncryption:
    case oids.rsassaPss:
      return rsaAlgorithms.map((other) => sequence(other, bits));
    case oids.ecPublicKey:
      return pointsOf(spki, bits).map((point) => sequence(algorithm, bitString(point)));
    default:
      return [];
  }
}

const rsaAlgorithms = [
  sequence(objectIdentifier(oids.rsaEncryption), element(0x05)),
  sequence(objectIdentifier(oids.rsaEncryption)),
  sequence(objectIdentifier(oids.rsassaPss)),
];

const inFull = 0x04;

function pointsOf(spki: Uint8Array, bits: Uint8Array): Uint8Array[] {
  const coordinates = coordinatesIn(contentOf(bits).subarray(1)) ?? decompressed(spki);
  if (coordinates === undefined) return [];
  const [x, y] = coordinates;
  const odd = (y.at(-1) ?? 0) & 1;
  return [
    [Uint8Array.of(inFull), x, y],
    [Uint8Array.of(0x02 | odd), x],
    [Uint8Array.of(0x06 | odd), x, y],
  ].map((parts) => Buffer.concat(parts));
}

/** Without OpenSSL, for which thousands of requests are too many. */
function coordinatesIn(point: Uint8Array): readonly [Uint8Array, Uint8Array] | undefined {
  const half = (point.length + 1) / 2;
  return point[0] === inFull ? [point.subarray(1, half), point.subarray(half)] : undefined;
}

function decompressed(spki: Uint8Array): readonly [Uint8Array, Uint8Array] | undefined {
  const [, x, y] = pointOf(spki) ?? [];
  return x === undefined || y === undefined ? undefined : [Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')];
}
