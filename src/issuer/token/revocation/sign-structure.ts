import type { SignatureChoice } from '../../../config/signature-algorithm.js';
import { HsmongerError } from '../../../errors.js';
import type { Token, TokenKey } from '../../../pkcs11/token.js';
import { verifySignature } from '../../../x509/signature.js';
import { algorithmIdentifier, fittingAlgorithm } from '../../../x509/signature-algorithm.js';

/** Who signs: a key on the token and the SubjectPublicKeyInfo that verifies. */
export interface SigningKey {
  readonly token: Pick<Token, 'sign'>;
  readonly key: TokenKey;
  readonly spki: Uint8Array;
  readonly choice: SignatureChoice;
}

/** What was signed, and the two parts that stand behind it (RFC 5280 §5.1.1, RFC 6960 §4.2.1). */
export interface SignedStructure {
  readonly data: Uint8Array;
  /** DER AlgorithmIdentifier. */
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
}

/** Signs what `build` makes for the algorithm; ISSUED_WRONG where the signature is not one by the key. `what` begins that message. */
export async function signStructure(
  { token, key, spki, choice }: SigningKey,
  what: string,
  build: (signatureAlgorithm: Uint8Array) => Uint8Array,
): Promise<SignedStructure> {
  const algorithm = fittingAlgorithm(spki, choice, `The key '${key.label}'`);
  const signatureAlgorithm = algorithmIdentifier(algorithm);
  const data = build(signatureAlgorithm);
  const signature = await token.sign(key, algorithm, data);
  if (!verifySignature({ data, algorithm: signatureAlgorithm, signature }, spki)) {
    throw new HsmongerError(
      'ISSUED_WRONG',
      `${what} just signed with the key '${key.label}' is not given out: the signature the token made is not one by that key; run 'hsmonger token check'.`,
    );
  }
  return { data, signatureAlgorithm, signature };
}
