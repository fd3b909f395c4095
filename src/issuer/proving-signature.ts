import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { SignatureAlgorithm, SignatureChoice } from '../config/signature-algorithm.js';
import type { Token, TokenKey } from '../pkcs11/token.js';
import { verifySignature } from '../x509/signature.js';
import { algorithmIdentifier, fittingAlgorithm } from '../x509/signature-algorithm.js';

/** What a key made of a random text. */
export interface ProvingSignature {
  readonly algorithm: SignatureAlgorithm;
  /** CKM_ name of what the token signed with. */
  readonly mechanism?: string;
  /** Whether the signature is one by the public key. */
  readonly verified: boolean;
  /** Of the signature on the token, milliseconds. */
  readonly latencyMs: number;
}

/**
 * Has the key sign a random text, with what fits its public key (DER SubjectPublicKeyInfo), and looks at the signature with the latter: the
 * one proof that both belong together and that the token does its work. Fails as sign() does, and with MECHANISM_UNSUPPORTED for a kind of
 * key nobody here signs with.
 */
export async function provingSignature(
  token: Pick<Token, 'sign'>,
  key: TokenKey,
  spki: Uint8Array,
  choice: SignatureChoice = {},
): Promise<ProvingSignature> {
  const algorithm = fittingAlgorithm(spki, choice, `The key '${key.label}'`);
  const data = randomBytes(64);
  const start = performance.now();
  let mechanism: string | undefined;
  const signature = await token.sign(key, algorithm, data, (name) => {
    mechanism = name;
  });
  const latencyMs = performance.now() - start;
  return {
    algorithm,
    ...(mechanism === undefined ? {} : { mechanism }),
    verified: verifySignature({ data, algorithm: algorithmIdentifier(algorithm), signature }, spki),
    latencyMs,
  };
}
