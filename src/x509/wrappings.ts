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

/**
 * keyFingerprint() of each: who has a compressed point certified instead has the same key. Of an RSA key bareFingerprint() is one more:
 * parameters that bind it to RSASSA-PSS can be written in so many ways that they cannot all be said (RFC 4055 §3.1).
 */
export function fingerprintsOf(spki: Uint8Array): string[] {
  const bare = bareFingerprint(spki);
  return [...wrappings(spki).map(keyFingerprint), ...(bare === undefined ? [] : [bare])];
}

/** SHA-256 of an RSA key's RSAPublicKey (RFC 8017 A.1.1), whatever is wrapped around it, lower-case hex; undefined for other keys. */
export function bareFingerprint(spki: Uint8Array): string | undefined {
  const [algorithm, bits] = elementsIn(spki);
  const [oid] = algorithm === undefined ? [] : elementsIn(algorithm);
  if (oid === undefined || bits === undefined || !rsaTypes.includes(dottedOf(oid))) return undefined;
  return keyFingerprint(contentOf(bits).subarray(1));
}

const rsaTypes: readonly string[] = [oids.rsaEncryption, oids.rsassaPss];

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
