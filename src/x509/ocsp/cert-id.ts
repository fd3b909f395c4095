import { createHash } from 'node:crypto';
import type { Certificate } from '../certificate.js';
import { contentOf, elementsIn, equalBytes, objectIdentifier } from '../der.js';
import { decode, SubjectPublicKeyInfoSchema } from '../schema.js';

/** Which certificate is meant (RFC 6960 §4.1.1). */
export interface CertId {
  /** To be echoed as it is. */
  readonly der: Uint8Array;
  /** Undefined for a digest we do not know. */
  readonly digest: CertIdDigest | undefined;
  readonly nameHash: Uint8Array;
  readonly keyHash: Uint8Array;
  /** Content octets of the INTEGER. */
  readonly serial: Uint8Array;
}

/** SHA-1 is what most clients use here: an identifier, not a protection. */
const digests = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
} as const;
export type CertIdDigest = keyof typeof digests;
const digestNames = Object.keys(digests) as CertIdDigest[];

/**
 * Two hashes of 64 octets, the name of a digest, and a serial number of 20 (RFC 5280 §4.1.2.2) with room to spare: it is echoed, and who
 * may ask for a signature over any octets he likes, and have them kept, may have too much.
 */
const maxOctets = 256;

/** From an element derFault() has passed; throws an Error whose message ends a sentence. */
export function readCertId(der: Uint8Array): CertId {
  if (der.length > maxOctets) throw new Error(`names a certificate by more than ${String(maxOctets)} octets`);
  const [algorithm, nameHash, keyHash, serial, ...more] = elementsIn(der);
  const shape = [algorithm, nameHash, keyHash, serial].map((part) => part?.[0]).join();
  if (
    shape !== '48,4,4,2' ||
    algorithm === undefined ||
    nameHash === undefined ||
    keyHash === undefined ||
    serial === undefined ||
    more.length > 0
  )
    throw new Error('has not the structure it should have');
  const [oid] = elementsIn(algorithm);
  const digest = digestNames.find((name) => oid !== undefined && equalBytes(oid, objectIdentifier(digests[name])));
  return { der, digest, nameHash: contentOf(nameHash), keyHash: contentOf(keyHash), serial: contentOf(serial) };
}

/** Whether a CertID names a certificate of this issuer: by its name and its key. */
export function issuerMatcher({ subject, spki }: Pick<Certificate, 'subject' | 'spki'>): (certId: CertId) => boolean {
  const keyBits = new Uint8Array(decode(spki, SubjectPublicKeyInfoSchema).publicKey.value);
  const hashes = new Map(digestNames.map((name) => [name, { name: hash(name, subject), key: hash(name, keyBits) }]));
  return ({ digest, nameHash, keyHash }) => {
    const own = digest === undefined ? undefined : hashes.get(digest);
    return own !== undefined && equalBytes(own.name, nameHash) && equalBytes(own.key, keyHash);
  };
}

function hash(digest: CertIdDigest, bytes: Uint8Array): Uint8Array {
  return createHash(digest).update(bytes).digest();
}
