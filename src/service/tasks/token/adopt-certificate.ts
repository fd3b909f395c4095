import { randomBytes } from 'node:crypto';
import { HsmongerError } from '../../../errors.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { verifySignature } from '../../../x509/signature.js';
import { algorithmIdentifier, fittingAlgorithm } from '../../../x509/signature-algorithm.js';
import { readableObjects } from '../../../x509/readable-certificates.js';
import type { ServiceContext } from '../../context.js';
import { storeAbove } from '../ca/store-above.js';

interface Adopted {
  /** DER. */
  readonly der: Uint8Array;
  readonly label: string;
  /** DER. */
  readonly above: readonly Uint8Array[];
  /** Labels that others are to have. */
  readonly taken: readonly string[];
}

/**
 * Stores a certificate beside its key, under `label` and the key's CKA_ID, after the key has proven with a signature that it is the
 * certificate's. KEY_NOT_FOUND or KEY_MISMATCH otherwise, and whatever Token.storeCertificate() refuses. Before it goes
 * `above`, what stands above it, from its issuer upwards; gives the labels of what of that was not there.
 */
export async function adoptCertificate(context: ServiceContext, { der, label, above, taken }: Adopted): Promise<string[]> {
  const { spki } = parseCertificate(der, `The certificate '${label}'`);
  const token = await context.openToken({ access: 'write' });
  const key = await token.findKey({ by: 'public-key', spki });
  const algorithm = fittingAlgorithm(spki, {}, `The key of '${label}'`);
  const data = randomBytes(32);
  const signature = await token.sign(key, algorithm, data);
  if (!verifySignature({ data, algorithm: algorithmIdentifier(algorithm), signature }, spki))
    throw new HsmongerError(
      'KEY_MISMATCH',
      `The key the token '${token.description.label}' has for '${label}' signs what the certificate's public key does not verify, so the certificate was not stored.`,
    );
  const chain = above.map((one) => parseCertificate(one, `A certificate above '${label}'`));
  // The chain first: a CA that is there without it could not be found by what issues.
  const beside = await storeAbove(token, readableObjects(await token.certificates()), chain, [label, ...taken]);
  await token.storeCertificate(der, { label, id: key.id });
  return beside;
}
