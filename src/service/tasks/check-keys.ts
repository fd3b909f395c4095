import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { HsmongerError, sentenceOf } from '../../errors.js';
import type { Token, TokenKey } from '../../pkcs11/token.js';
import { verifySignature } from '../../x509/signature.js';
import { algorithmIdentifier } from '../../x509/signature-algorithm.js';
import type { ServiceContext } from '../context.js';

/** One key's proof. */
export interface KeyCheck {
  readonly key: TokenKey;
  readonly ok: boolean;
  /** CKM_ name of what the token signs with. */
  readonly mechanism?: string;
  /** Of one signature, milliseconds. */
  readonly latencyMs?: number;
  /** Why not, as a sentence. */
  readonly problem?: string;
}

const algorithm = { scheme: 'rsa-pkcs1', digest: 'sha256' } as const;

/** Signs a random text with each private key and verifies the signature with its public key. `force` spends the last PIN attempt before the token locks. */
export async function checkKeys(context: ServiceContext, { force }: { readonly force: boolean }): Promise<KeyCheck[]> {
  const token = await context.openToken({ force });
  return proveKeys(token, await token.keys());
}

/** The same with keys that were found through this token's session. */
export async function proveKeys(token: Token, keys: readonly TokenKey[]): Promise<KeyCheck[]> {
  // The digest on the token where it can, else raw RSA with our own DigestInfo (PKCS#11 2.40 mechanisms, §2.1.6).
  const mechanism = (await token.mechanisms()).includes('CKM_SHA256_RSA_PKCS') ? 'CKM_SHA256_RSA_PKCS' : 'CKM_RSA_PKCS';
  const checks: KeyCheck[] = [];
  for (const key of keys) checks.push(await checked(token, key, mechanism));
  return checks;
}

async function checked(token: Token, key: TokenKey, mechanism: string): Promise<KeyCheck> {
  if (key.type !== 'RSA' || key.spki === undefined) return { key, ok: false, problem: `hsmonger cannot sign with a key of type ${key.type} yet; certmonger's renewals need RSA.` };
  if (!key.canSign) return { key, ok: false, problem: 'The token does not allow this key to sign (CKA_SIGN is false).' };
  const data = randomBytes(64);
  const start = performance.now();
  try {
    const signature = await token.sign(key, algorithm, data);
    const latencyMs = performance.now() - start;
    if (verifySignature({ data, algorithm: algorithmIdentifier(algorithm), signature }, key.spki)) return { key, ok: true, mechanism, latencyMs };
    return { key, ok: false, mechanism, latencyMs, problem: 'The signature does not verify with the public key the token gives for it.' };
  } catch (error) {
    if (error instanceof HsmongerError && error.code.startsWith('PIN_')) throw error;
    return { key, ok: false, mechanism, problem: sentenceOf(error) };
  }
}
