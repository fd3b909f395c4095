import { randomBytes } from 'node:crypto';
import { HsmongerError } from '../../../errors.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { verifySignature } from '../../../x509/signature.js';
import { algorithmIdentifier, fittingAlgorithm } from '../../../x509/signature-algorithm.js';
import type { ServiceContext } from '../../context.js';

/**
 * Stores a certificate beside its key, under `label` and the key's CKA_ID, after the key has proven with a signature that it is the
 * certificate's. KEY_NOT_FOUND or KEY_MISMATCH otherwise, and whatever Token.storeCertificate() refuses.
 */
export async function adoptCertificate(
  context: ServiceContext,
  { der, label }: { readonly der: Uint8Array; readonly label: string },
): Promise<'stored' | 'there already'> {
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
  return token.storeCertificate(der, { label, id: key.id });
}
