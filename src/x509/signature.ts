import { constants, verify, type KeyObject } from 'node:crypto';
import { HsmongerError } from '../errors.js';
import { oids } from './oids.js';
import { openKey } from './public-key.js';
import { remembered } from './remembered.js';
import { AlgorithmIdentifierSchema, decode, RsaPssParametersSchema } from './schema.js';

/** A signature algorithm we can verify. `digest` null: the scheme has its own (EdDSA). */
export interface SignatureScheme {
  readonly scheme: 'rsa-pkcs1' | 'rsa-pss' | 'ecdsa' | 'eddsa';
  readonly digest: string | null;
  readonly saltLength?: number;
}

const schemes: ReadonlyMap<string, SignatureScheme> = new Map([
  ['1.2.840.113549.1.1.4', { scheme: 'rsa-pkcs1', digest: 'md5' }],
  ['1.2.840.113549.1.1.5', { scheme: 'rsa-pkcs1', digest: 'sha1' }],
  ['1.2.840.113549.1.1.11', { scheme: 'rsa-pkcs1', digest: 'sha256' }],
  ['1.2.840.113549.1.1.12', { scheme: 'rsa-pkcs1', digest: 'sha384' }],
  ['1.2.840.113549.1.1.13', { scheme: 'rsa-pkcs1', digest: 'sha512' }],
  ['1.2.840.10045.4.1', { scheme: 'ecdsa', digest: 'sha1' }],
  ['1.2.840.10045.4.3.2', { scheme: 'ecdsa', digest: 'sha256' }],
  ['1.2.840.10045.4.3.3', { scheme: 'ecdsa', digest: 'sha384' }],
  ['1.2.840.10045.4.3.4', { scheme: 'ecdsa', digest: 'sha512' }],
  ['1.3.101.112', { scheme: 'eddsa', digest: null }],
]);
const digests: ReadonlyMap<string, string> = new Map([
  ['1.3.14.3.2.26', 'sha1'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);
const weakDigests = new Set(['md5', 'sha1']);
const keyTypes = { 'rsa-pkcs1': ['rsa'], 'rsa-pss': ['rsa', 'rsa-pss'], ecdsa: ['ec'], eddsa: ['ed25519'] } as const;

/** The scheme a DER AlgorithmIdentifier names; undefined for one we do not know. */
export const signatureScheme = remembered((algorithm: Uint8Array): SignatureScheme | undefined => {
  try {
    const { algorithm: oid, parameters } = decode(algorithm, AlgorithmIdentifierSchema);
    if (oid === oids.rsassaPss) return pssScheme(parameters);
    // NULL or nothing (RFC 4055 §5, RFC 5758 §3.2, RFC 8410 §3): anything else could be changed without the signature noticing.
    return parameters instanceof ArrayBuffer ? undefined : schemes.get(oid);
  } catch {
    return undefined;
  }
});

function pssScheme(parameters: ArrayBuffer | null | undefined): SignatureScheme | undefined {
  if (!(parameters instanceof ArrayBuffer)) return undefined;
  const { hash, maskGeneration, saltLength, trailer } = decode(new Uint8Array(parameters), RsaPssParametersSchema);
  const digest = digests.get(hash?.algorithm ?? '1.3.14.3.2.26');
  const maskDigest =
    maskGeneration?.parameters instanceof ArrayBuffer
      ? digests.get(decode(new Uint8Array(maskGeneration.parameters), AlgorithmIdentifierSchema).algorithm)
      : 'sha1';
  return digest === undefined || digest !== maskDigest || trailer !== 1 ? undefined : { scheme: 'rsa-pss', digest, saltLength };
}

/** Something signed: a certificate's tbs or a request's info. */
export interface Signed {
  readonly data: Uint8Array;
  /** DER AlgorithmIdentifier. */
  readonly algorithm: Uint8Array;
  readonly signature: Uint8Array;
}

/** Whether the signature is one by the key; false too for a scheme or a key we do not know. */
export function verifySignature(signed: Signed, spki: Uint8Array): boolean {
  return verifySignatureWith(signed, openKey(spki));
}

/** The same for a key that is open already. */
export function verifySignatureWith({ data, algorithm, signature }: Signed, key: KeyObject | undefined): boolean {
  const scheme = signatureScheme(algorithm);
  const keyType = key?.asymmetricKeyType;
  if (
    scheme === undefined ||
    key === undefined ||
    keyType === undefined ||
    !(keyTypes[scheme.scheme] as readonly string[]).includes(keyType)
  )
    return false;
  const padding =
    scheme.scheme === 'rsa-pss'
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, ...(scheme.saltLength === undefined ? {} : { saltLength: scheme.saltLength }) }
      : {};
  try {
    return verify(scheme.digest, data, { key, ...padding }, signature);
  } catch {
    return false;
  }
}

/** WEAK_DIGEST when the signature rests on MD5 or SHA-1: collisions make it prove nothing. `what` begins the message. */
export function assertStrongDigest(algorithm: Uint8Array, what: string): void {
  const digest = signatureScheme(algorithm)?.digest ?? '';
  if (weakDigests.has(digest))
    throw new HsmongerError('WEAK_DIGEST', `${what} is signed with ${digest === 'md5' ? 'MD5' : 'SHA-1'}; make it with SHA-256 or better.`);
}
