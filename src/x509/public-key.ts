import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { HsmongerError } from '../errors.js';
import { contentOf, elementsIn, equalBytes } from './der.js';
import { remembered } from './remembered.js';
import { decode, SubjectPublicKeyInfoSchema } from './schema.js';

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
const ecPublicKey = '1.2.840.10045.2.1';
const objectIdentifierTag = 0x06;
/** 1.2.840.113549.1.1.1 (RFC 8017 appendix C), which stands in the first bytes. */
const rsaEncryption = Buffer.from('06092a864886f70d010101', 'hex');
/** Bytes with the end of the modulus and the exponent, last in the encoding (RFC 8017 appendix A.1.1): as they differ, the keys do. */
const rsaTail = 32;
const maxRsaBits = 16_384;

export function keyFacts(spki: Uint8Array): KeyFacts {
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
  try {
    const { algorithm } = decode(spki, SubjectPublicKeyInfoSchema);
    // Named curves only (RFC 5480 §2.1.1): explicit parameters are a way to make OpenSSL compute with an attacker's curve.
    if (algorithm.algorithm === ecPublicKey && (!(algorithm.parameters instanceof ArrayBuffer) || new Uint8Array(algorithm.parameters)[0] !== objectIdentifierTag)) return undefined;
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
});

/** WEAK_KEY for RSA below 2048 bits or with a senseless exponent, curves below P-256, and everything unknown. `what` begins the message. */
export function assertStrongKey(spki: Uint8Array, what: string): KeyFacts {
  const facts = keyFacts(spki);
  const exponent = openKey(spki)?.asymmetricKeyDetails?.publicExponent;
  if (facts.type === 'other') throw weak(what, 'is of a kind hsmonger does not certify: use RSA of at least 2048 bits, P-256, P-384, P-521 or Ed25519');
  if (facts.type === 'EC' && facts.bits === 0) throw weak(what, 'is on a curve hsmonger does not certify: use P-256, P-384 or P-521');
  if (facts.type === 'RSA' && facts.bits < 2048) throw weak(what, `has only ${String(facts.bits)} bits, and less than 2048 is not certified any more`);
  if (facts.type === 'RSA' && facts.bits > maxRsaBits) throw weak(what, `has ${String(facts.bits)} bits, more than anyone verifies`);
  // RFC 8017 §3.1: odd, at least 3; an exponent of 1 would sign nothing.
  if (exponent !== undefined && (exponent < 3n || exponent % 2n === 0n)) throw weak(what, 'has a public exponent with which RSA protects nothing');
  return facts;
}

function weak(what: string, why: string): HsmongerError {
  return new HsmongerError('WEAK_KEY', `${what} ${why}.`);
}

/** Whether two SubjectPublicKeyInfo hold one key: the same bytes, or the same value differently wrapped (parameters NULL or absent). */
export function sameKey(left: Uint8Array, right: Uint8Array): boolean {
  if (equalBytes(left, right)) return true;
  // Every certificate is compared with every key of a token, and to open one takes OpenSSL half a millisecond.
  if (isPlainRsa(left) && isPlainRsa(right) && !equalBytes(left.subarray(-rsaTail), right.subarray(-rsaTail))) return false;
  if (openKey(left)?.asymmetricKeyType !== openKey(right)?.asymmetricKeyType) return false;
  // Not KeyObject.equals: for keys of two kinds it leaves an error in OpenSSL's queue, and the next createPublicKey() throws that.
  const [a, b] = [exported(left), exported(right)];
  return a !== undefined && b !== undefined && equalBytes(a, b);
}

const exported = remembered((spki: Uint8Array) => openKey(spki)?.export({ format: 'der', type: 'spki' }));

function isPlainRsa(spki: Uint8Array): boolean {
  return Buffer.from(spki.buffer, spki.byteOffset, Math.min(spki.length, 24)).includes(rsaEncryption);
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
