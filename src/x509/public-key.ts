import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { HsmongerError } from '../errors.js';
import { contentOf, derFault, dottedOf, elementsIn, equalBytes } from './der.js';
import { oids } from './oids.js';
import { remembered } from './remembered.js';

/** What a public key is, from its SubjectPublicKeyInfo. */
export interface KeyFacts {
  /** 'other' for what we do not know, and for what cannot be read. */
  readonly type: 'RSA' | 'EC' | 'Ed25519' | 'other';
  readonly bits: number;
}

const types: ReadonlyMap<string, KeyFacts['type']> = new Map([
  ['rsa', 'RSA'],
  ['rsa-pss', 'RSA'],
  ['ec', 'EC'],
  ['ed25519', 'Ed25519'],
]);
const ecBits: Readonly<Record<string, number>> = { prime256v1: 256, secp384r1: 384, secp521r1: 521 };
const derNull = Uint8Array.of(0x05, 0x00);
const [integerTag, bitStringTag, objectIdentifierTag, sequenceTag] = [0x02, 0x03, 0x06, 0x30];
/** 1.2.840.113549.1.1.1 and NULL (RFC 3279 §2.3.1), which stand in the first bytes. */
const rsaEncryption = Buffer.from('300d06092a864886f70d0101010500', 'hex');
/** A point in full on a curve of ours, as it has one encoding only (RFC 5480 §2, SEC 1 §2.3.3): everything up to its coordinates. */
const plainPoints = [
  { curve: 'P-256' as const, bits: 256, prefix: '3059301306072a8648ce3d020106082a8648ce3d03010703420004' },
  { curve: 'P-384' as const, bits: 384, prefix: '3076301006072a8648ce3d020106052b8104002203620004' },
  { curve: 'P-521' as const, bits: 521, prefix: '30819b301006072a8648ce3d020106052b810400230381860004' },
].map(({ prefix, ...curve }) => ({ ...curve, prefix: Buffer.from(prefix, 'hex') }));
/** Bytes with the end of the modulus and the exponent, last in the encoding (RFC 8017 appendix A.1.1): as they differ, the keys do. */
const rsaTail = 32;
const maxRsaBits = 16_384;

/** What it says it is: whether a point is on its curve shows when something is verified with it. */
export function keyFacts(spki: Uint8Array): KeyFacts {
  const point = plainPoint(spki);
  if (point !== undefined) return { type: 'EC', bits: point.bits };
  const key = openKey(spki);
  const details = key?.asymmetricKeyDetails;
  const type = types.get(key?.asymmetricKeyType ?? '') ?? 'other';
  switch (type) {
    case 'RSA':
      return { type, bits: details?.modulusLength ?? 0 };
    case 'EC':
      return { type, bits: ecBits[details?.namedCurve ?? ''] ?? 0 };
    case 'Ed25519':
      return { type, bits: 256 };
    case 'other':
      return { type, bits: 0 };
  }
}

/** Whether the key is bound to RSASSA-PSS by its own algorithm identifier (RFC 4055 §1.2), so that nothing else may be signed with it. */
export function signsOnlyPss(spki: Uint8Array): boolean {
  return openKey(spki)?.asymmetricKeyType === 'rsa-pss';
}

/** The key for node:crypto; undefined when it is not one that we let OpenSSL see. */
export const openKey = remembered((spki: Uint8Array): KeyObject | undefined => {
  if (derFault(spki) !== undefined) return undefined;
  try {
    const [algorithm, bits, ...more] = spki[0] === sequenceTag ? elementsIn(spki) : [];
    const [type, parameters, ...rest] = algorithm?.[0] === sequenceTag ? elementsIn(algorithm) : [];
    if (type === undefined || bits?.[0] !== bitStringTag || more.length + rest.length > 0) return undefined;
    const oid = dottedOf(type);
    // Named curves only (RFC 5480 §2.1.1): explicit parameters are a way to make OpenSSL compute with an attacker's curve.
    if (oid === oids.ecPublicKey && parameters?.[0] !== objectIdentifierTag) return undefined;
    if (oid === oids.rsaEncryption) return parameters === undefined || equalBytes(parameters, derNull) ? rsaKey(bits) : undefined;
    // What follows the two numbers OpenSSL passes over, and one key would be many.
    if (oid === oids.rsassaPss && rsaKey(bits) === undefined) return undefined;
    return plainPointKey(spki) ?? createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
});

/** An RSA key from its two numbers (RFC 8017 appendix A.1.1): OpenSSL 3's decoders take forty times as long to find out that it is one. */
function rsaKey(bits: Uint8Array): KeyObject | undefined {
  if (contentOf(bits)[0] !== 0) return undefined;
  const key = contentOf(bits).subarray(1);
  if (key[0] !== sequenceTag || derFault(key) !== undefined) return undefined;
  const [n, e, ...more] = elementsIn(key).map(positiveOctets);
  return n === undefined || e === undefined || more.length > 0
    ? undefined
    : createPublicKey({ key: { kty: 'RSA', n: n.toString('base64url'), e: e.toString('base64url') }, format: 'jwk' });
}

/** The same of a point in full: OpenSSL sees to it that it is on its curve, as ever (EC_KEY_check_key). */
function plainPointKey(spki: Uint8Array): KeyObject | undefined {
  const found = plainPoint(spki);
  if (found === undefined) return undefined;
  const point = Buffer.from(spki).subarray(found.prefix.length);
  const coordinate = (from: number, to: number) => point.subarray(from, to).toString('base64url');
  return createPublicKey({
    key: { kty: 'EC', crv: found.curve, x: coordinate(0, point.length / 2), y: coordinate(point.length / 2, point.length) },
    format: 'jwk',
  });
}

/** Of an INTEGER that is above zero and minimal (X.690 §8.3.2). */
function positiveOctets(der: Uint8Array): Buffer | undefined {
  const content = contentOf(der);
  const [first = 0, second = 0] = content;
  if (der[0] !== integerTag || content.length === 0 || first >= 0x80 || (first === 0 && second < 0x80)) return undefined;
  return Buffer.from(first === 0 ? content.subarray(1) : content);
}

/** WEAK_KEY for RSA below 2048 bits or with a senseless exponent, curves below P-256, and everything unknown. `what` begins the message. */
export function assertStrongKey(spki: Uint8Array, what: string): KeyFacts {
  const facts = keyFacts(spki);
  const exponent = facts.type === 'RSA' ? openKey(spki)?.asymmetricKeyDetails?.publicExponent : undefined;
  if (facts.type === 'other')
    throw weak(what, 'is of a kind hsmonger does not certify: use RSA of at least 2048 bits, P-256, P-384, P-521 or Ed25519');
  if (facts.type === 'EC' && facts.bits === 0) throw weak(what, 'is on a curve hsmonger does not certify: use P-256, P-384 or P-521');
  if (facts.type === 'RSA' && facts.bits < 2048)
    throw weak(what, `has only ${String(facts.bits)} bits, and less than 2048 is not certified any more`);
  if (facts.type === 'RSA' && facts.bits > maxRsaBits) throw weak(what, `has ${String(facts.bits)} bits, more than anyone verifies`);
  // RFC 8017 §3.1: odd, at least 3; an exponent of 1 would sign nothing.
  if (exponent !== undefined && (exponent < 3n || exponent % 2n === 0n))
    throw weak(what, 'has a public exponent with which RSA protects nothing');
  return facts;
}

function weak(what: string, why: string): HsmongerError {
  return new HsmongerError('WEAK_KEY', `${what} ${why}.`);
}

/**
 * Whether two SubjectPublicKeyInfo hold one key of one kind: the same bytes, or the same value differently wrapped (parameters NULL or
 * absent, a point in full or compressed).
 */
export function sameKey(left: Uint8Array, right: Uint8Array): boolean {
  if (equalBytes(left, right)) return true;
  // Every certificate is compared with every key of a token, and to open one takes OpenSSL a tenth of a millisecond.
  const [plainLeft, plainRight] = [plainKind(left), plainKind(right)];
  if (plainLeft !== undefined && plainRight !== undefined) {
    if (plainLeft !== 'RSA' || plainRight !== 'RSA') return false;
    if (!equalBytes(left.subarray(-rsaTail), right.subarray(-rsaTail))) return false;
  }
  if (openKey(left)?.asymmetricKeyType !== openKey(right)?.asymmetricKeyType) return false;
  // Not KeyObject.equals: for keys of two kinds it leaves an error in OpenSSL's queue, and the next createPublicKey() throws that.
  const [a, b] = [valueOf(left), valueOf(right)];
  return a !== undefined && a === b;
}

/** What the key is, however it is wrapped. */
const valueOf = remembered((spki: Uint8Array): string | undefined => {
  const type = openKey(spki)?.asymmetricKeyType;
  if (type === undefined) return undefined;
  return type === 'ec' ? pointOf(spki)?.join(' ') : Buffer.from(elementsIn(spki)[1] ?? []).toString('latin1');
});

/** The curve and the coordinates of a key on one, base64url; undefined for other keys, and on a curve node has no name for. */
export function pointOf(spki: Uint8Array): readonly [string, string, string] | undefined {
  try {
    const { crv, x, y } = openKey(spki)?.export({ format: 'jwk' }) ?? {};
    return crv === undefined || x === undefined || y === undefined ? undefined : [crv, x, y];
  } catch {
    return undefined;
  }
}

function plainKind(spki: Uint8Array): 'RSA' | 'P-256' | 'P-384' | 'P-521' | undefined {
  return isPlainRsa(spki) ? 'RSA' : plainPoint(spki)?.curve;
}

function isPlainRsa(spki: Uint8Array): boolean {
  return Buffer.from(spki.buffer, spki.byteOffset, Math.min(spki.length, 24)).includes(rsaEncryption);
}

function plainPoint(spki: Uint8Array): (typeof plainPoints)[number] | undefined {
  return plainPoints.find(({ prefix }) => equalBytes(spki.subarray(0, prefix.length), prefix));
}

/** SHA-1 of the public key's bits: key identifier method 1 (RFC 5280 §4.2.1.2). An identifier, not a protection. */
export function keyIdentifier(spki: Uint8Array): Uint8Array {
  const [, bits, ...more] = spki[0] === 0x30 ? elementsIn(spki) : [];
  if (bits?.[0] !== 0x03 || more.length > 0) throw new Error('has not the structure it should have');
  // A BIT STRING says first how many bits of its last octet do not count: none.
  return Uint8Array.from(createHash('sha1').update(contentOf(bits).subarray(1)).digest());
}

/** SHA-256 of the SubjectPublicKeyInfo, hex: how the ledger names keys. */
export function keyFingerprint(spki: Uint8Array): string {
  return createHash('sha256').update(spki).digest('hex');
}
