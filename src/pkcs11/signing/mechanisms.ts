import { createHash } from 'node:crypto';
import pkcs11js from 'pkcs11js';
import type { Digest } from '../../config/instance.js';
import type { SignatureAlgorithm } from '../../config/signature-algorithm.js';
import { HsmongerError } from '../../errors.js';
import { CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA, type Cryptoki, type Handle, type Mechanism } from '../cryptoki.js';
import type { KeyType } from '../token.js';

/** One way of making the signature on the token: the mechanism, and what is handed to C_Sign. */
export interface SigningWay extends Mechanism {
  input(data: Uint8Array): Buffer;
}

const asIs = (data: Uint8Array): Buffer => Buffer.from(data);
const hashed =
  (digest: Digest) =>
  (data: Uint8Array): Buffer =>
    createHash(digest).update(data).digest();

/** RFC 8017 §9.2 note 1: DigestInfo up to the digest itself. */
const digestInfo = {
  sha256: Buffer.from('3031300d060960864801650304020105000420', 'hex'),
  sha384: Buffer.from('3041300d060960864801650304020205000430', 'hex'),
  sha512: Buffer.from('3051300d060960864801650304020305000440', 'hex'),
} as const;

const pkcs1 = { sha256: pkcs11js.CKM_SHA256_RSA_PKCS, sha384: pkcs11js.CKM_SHA384_RSA_PKCS, sha512: pkcs11js.CKM_SHA512_RSA_PKCS } as const;
const pss = {
  sha256: pkcs11js.CKM_SHA256_RSA_PKCS_PSS,
  sha384: pkcs11js.CKM_SHA384_RSA_PKCS_PSS,
  sha512: pkcs11js.CKM_SHA512_RSA_PKCS_PSS,
} as const;
const ecdsa = { sha256: pkcs11js.CKM_ECDSA_SHA256, sha384: pkcs11js.CKM_ECDSA_SHA384, sha512: pkcs11js.CKM_ECDSA_SHA512 } as const;

const pssParameter = {
  sha256: { type: pkcs11js.CK_PARAMS_RSA_PSS, hashAlg: pkcs11js.CKM_SHA256, mgf: pkcs11js.CKG_MGF1_SHA256, saltLen: 32 },
  sha384: { type: pkcs11js.CK_PARAMS_RSA_PSS, hashAlg: pkcs11js.CKM_SHA384, mgf: pkcs11js.CKG_MGF1_SHA384, saltLen: 48 },
  sha512: { type: pkcs11js.CK_PARAMS_RSA_PSS, hashAlg: pkcs11js.CKM_SHA512, mgf: pkcs11js.CKG_MGF1_SHA512, saltLen: 64 },
} as const;

/** The kind of key each signature wants: not every module checks (SoftHSM takes an elliptic-curve key for RSA and fails later). */
export const keyTypeFor: Readonly<Record<SignatureAlgorithm['scheme'], KeyType>> = {
  'rsa-pkcs1': 'RSA',
  'rsa-pss': 'RSA',
  ecdsa: 'EC',
  eddsa: 'Ed25519',
};

/**
 * The ways that give this signature, the best first; the raw one for tokens that do not hash (design rule 10). CKM_RSA_X_509 is none of
 * them: the padding would be ours, and a token that keeps it to itself (PSS above all) means to be its judge.
 */
function waysOf(algorithm: SignatureAlgorithm): SigningWay[] {
  switch (algorithm.scheme) {
    case 'rsa-pkcs1': {
      const { digest } = algorithm;
      return [
        { mechanism: pkcs1[digest], input: asIs },
        { mechanism: pkcs11js.CKM_RSA_PKCS, input: (data) => Buffer.concat([digestInfo[digest], hashed(digest)(data)]) },
      ];
    }
    case 'rsa-pss': {
      const { digest } = algorithm;
      const parameter = pssParameter[digest];
      return [
        { mechanism: pss[digest], parameter, input: asIs },
        { mechanism: pkcs11js.CKM_RSA_PKCS_PSS, parameter, input: hashed(digest) },
      ];
    }
    case 'ecdsa':
      return [
        { mechanism: ecdsa[algorithm.digest], input: asIs },
        { mechanism: pkcs11js.CKM_ECDSA, input: hashed(algorithm.digest) },
      ];
    case 'eddsa':
      return [{ mechanism: CKM_EDDSA, input: asIs }];
  }
}

/** The same for the life of a session, each asked for once: a network HSM answers every question with a journey of its own. */
export function rememberedWays(cryptoki: Cryptoki, slot: Handle, label: string): (algorithm: SignatureAlgorithm) => SigningWay[] {
  const known = new Map<string, SigningWay[]>();
  return (algorithm) => {
    const name = 'digest' in algorithm ? `${algorithm.scheme} ${algorithm.digest}` : algorithm.scheme;
    const ways = known.get(name) ?? signingWays(cryptoki, slot, label, algorithm);
    known.set(name, ways);
    return ways;
  };
}

/** The ways the token lists for signing; MECHANISM_UNSUPPORTED when there is none. */
function signingWays(cryptoki: Cryptoki, slot: Handle, label: string, algorithm: SignatureAlgorithm): SigningWay[] {
  const listed = new Set(cryptoki.C_GetMechanismList(slot));
  const usable = waysOf(algorithm).filter(
    ({ mechanism }) => listed.has(mechanism) && (cryptoki.C_GetMechanismInfo(slot, mechanism).flags & pkcs11js.CKF_SIGN) !== 0,
  );
  if (usable.length === 0) {
    const wanted = waysOf(algorithm)
      .map(({ mechanism }) => mechanismName(mechanism))
      .join(' or ');
    throw new HsmongerError('MECHANISM_UNSUPPORTED', `Token '${label}' lists no ${wanted} for signing; ${otherwise(algorithm)}`);
  }
  return usable;
}

/**
 * What to do where the token lacks the mechanisms: the raw one takes every digest, so none is worth another try but with RSA, where a
 * policy may allow one alone.
 */
function otherwise(algorithm: SignatureAlgorithm): string {
  switch (algorithm.scheme) {
    case 'rsa-pkcs1':
      return 'choose another digest in the instance file, or another token.';
    case 'rsa-pss':
      return 'choose another digest or rsa-signature = "pkcs1" in the instance file, or another token.';
    case 'ecdsa':
      return 'use an RSA key, or another token.';
    case 'eddsa':
      return 'use RSA, P-256, P-384 or P-521 for the key, or another token.';
  }
}

const names = new Map<number, string>();
for (const [name, value] of Object.entries(pkcs11js as unknown as Record<string, unknown>)) {
  // Of two names for one number the first stands: the other is the old one.
  if (name.startsWith('CKM_') && name !== 'CKM_VENDOR_DEFINED' && typeof value === 'number' && !names.has(value)) names.set(value, name);
}
names.set(CKM_EDDSA, 'CKM_EDDSA');
names.set(CKM_EC_EDWARDS_KEY_PAIR_GEN, 'CKM_EC_EDWARDS_KEY_PAIR_GEN');

/** CKM_… or, for what no standard we know names, the number as 0x… */
export function mechanismName(mechanism: number): string {
  return names.get(mechanism) ?? `0x${mechanism.toString(16)}`;
}
