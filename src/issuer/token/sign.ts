import { HsmongerError } from '../../errors.js';
import type { SignatureAlgorithm, Token, TokenKey } from '../../pkcs11/token.js';
import { keyFacts } from '../../x509/public-key.js';
import { newSerial } from '../../x509/serial.js';
import { algorithmIdentifier } from '../../x509/signature.js';
import { assembleCertificate, buildTbsCertificate } from '../../x509/tbs.js';
import type { Authority } from './authority.js';
import type { IssuePlan } from './decide.js';

/** Signs the plan with the CA's key on the token under a new serial number; DER. */
export async function signPlan(token: Token, { certificate }: Authority, key: TokenKey, digest: SignatureAlgorithm['digest'], plan: IssuePlan): Promise<Uint8Array> {
  const algorithm = algorithmFor(key, certificate.spki, digest);
  const signatureAlgorithm = algorithmIdentifier(algorithm);
  const tbs = buildTbsCertificate({ ...plan, serial: newSerial(), signatureAlgorithm });
  return assembleCertificate(tbs, signatureAlgorithm, await token.sign(key, algorithm, tbs));
}

function algorithmFor({ label }: TokenKey, spki: Uint8Array, digest: SignatureAlgorithm['digest']): SignatureAlgorithm {
  const { type } = keyFacts(spki);
  if (type !== 'RSA') throw new HsmongerError('MECHANISM_UNSUPPORTED', `The CA's key '${label}' is of type ${type}; this version signs with RSA keys only.`);
  return { scheme: 'rsa-pkcs1', digest };
}
