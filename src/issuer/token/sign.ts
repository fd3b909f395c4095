import type { SignatureChoice } from '../../config/signature-algorithm.js';
import type { Token, TokenKey } from '../../pkcs11/token.js';
import { newSerial } from '../../x509/serial.js';
import { algorithmIdentifier, fittingAlgorithm } from '../../x509/signature-algorithm.js';
import { assembleCertificate, buildTbsCertificate } from '../../x509/tbs.js';
import type { Authority } from './authority.js';
import type { IssuePlan } from './decide.js';

/** Signs the plan with the CA's key on the token under a new serial number; DER. */
export async function signPlan(
  token: Token,
  { certificate }: Authority,
  key: TokenKey,
  choice: SignatureChoice,
  plan: IssuePlan,
): Promise<Uint8Array> {
  const algorithm = fittingAlgorithm(certificate.spki, choice, `The CA's key '${key.label}'`);
  const signatureAlgorithm = algorithmIdentifier(algorithm);
  const tbs = buildTbsCertificate({ ...plan, serial: newSerial(), signatureAlgorithm });
  return assembleCertificate(tbs, signatureAlgorithm, await token.sign(key, algorithm, tbs));
}
