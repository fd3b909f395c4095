import { generateKeyPairSync, sign } from 'node:crypto';
import { assembleRequest, buildRequestInfo } from './build-csr.js';
import { algorithmIdentifier } from './signature-algorithm.js';

/**
 * A DER request of this subject by a key that nobody keeps: what a CA would say of the subject can be asked before the real key is made,
 * which stays on its token for good.
 */
export function standInRequest(subject: Uint8Array): Uint8Array {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const info = buildRequestInfo({ subject, spki: Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' })), extensions: [] });
  return assembleRequest(
    info,
    algorithmIdentifier({ scheme: 'ecdsa', digest: 'sha256' }),
    Uint8Array.from(sign('sha256', info, privateKey)),
  );
}
