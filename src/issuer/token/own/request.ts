import type { SignatureChoice } from '../../../config/signature-algorithm.js';
import { HsmongerError } from '../../../errors.js';
import type { Token } from '../../../pkcs11/token.js';
import { assembleRequest, buildRequestInfo } from '../../../x509/build-csr.js';
import { equalBytes } from '../../../x509/der.js';
import {
  caBasicConstraints,
  caBasicConstraintsWith,
  keyUsageExtension,
  subjectKeyIdExtension,
} from '../../../x509/extensions/extensions.js';
import { nameConstraintsExtension, type NameConstraints } from '../../../x509/names/name-constraints.js';
import { parseCsr } from '../../../x509/parse-csr.js';
import { assertStrongKey, keyIdentifier } from '../../../x509/public-key.js';
import { verifySignature } from '../../../x509/signature.js';
import { algorithmIdentifier, fittingAlgorithm } from '../../../x509/signature-algorithm.js';
import type { OwnKey } from './own-key.js';

/** What a CA asks another for. */
export interface CaRequestOrder {
  /** DER Name. */
  readonly subject: Uint8Array;
  readonly pathLength?: number;
  readonly nameConstraints?: NameConstraints;
}

/**
 * A DER certificate request for a CA, signed with its key. `before`: one made earlier, given back where it asks for the same: an
 * elliptic-curve signature is another each time, and who issues takes another request for another certificate.
 */
export async function caRequest(
  token: Token,
  { key, spki }: OwnKey,
  { subject, pathLength, nameConstraints }: CaRequestOrder,
  choice: SignatureChoice,
  before?: Uint8Array,
): Promise<Uint8Array> {
  assertStrongKey(spki, `The key '${key.label}'`);
  const extensions = [
    pathLength === undefined ? caBasicConstraints : caBasicConstraintsWith(pathLength),
    keyUsageExtension(['digitalSignature', 'cRLSign', 'keyCertSign']),
    subjectKeyIdExtension(keyIdentifier(spki)),
    ...(nameConstraints === undefined ? [] : [nameConstraintsExtension(nameConstraints)]),
  ];
  const info = buildRequestInfo({ subject, spki, extensions });
  if (before !== undefined && asksFor(before, info)) return before;
  const algorithm = fittingAlgorithm(spki, choice, `The key '${key.label}'`);
  const identifier = algorithmIdentifier(algorithm);
  const signature = await token.sign(key, algorithm, info);
  if (!verifySignature({ data: info, algorithm: identifier, signature }, spki)) {
    throw new HsmongerError(
      'KEY_MISMATCH',
      `The signature token '${token.description.label}' made is not one by the key '${key.label}'; no request was written. Run 'hsmonger token check'.`,
    );
  }
  return assembleRequest(info, identifier, signature);
}

function asksFor(request: Uint8Array, info: Uint8Array): boolean {
  try {
    return equalBytes(parseCsr(request).info, info);
  } catch {
    return false;
  }
}
