import { HsmongerError } from '../../../errors.js';
import { tokenWith } from '../../../config/token-views.js';
import { openSigningOnceMore } from '../../../pkcs11/signing/once-more.js';
import { assembleRequest, buildRequestInfo, requestedExtensions } from '../../../x509/build-csr.js';
import { nameText } from '../../../x509/names/name.js';
import { csrToPem } from '../../../x509/pem.js';
import { keyFingerprint } from '../../../x509/public-key.js';
import { verifySignature } from '../../../x509/signature.js';
import { algorithmIdentifier, fittingAlgorithm } from '../../../x509/signature-algorithm.js';
import type { ServiceContext } from '../../context.js';
import { presentOnToken } from '../token/present-certificate.js';

/** A request for the certificate another CA is to make. */
export interface MadeRequest {
  readonly pem: string;
  /** RFC 4514. */
  readonly subject: string;
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  readonly key: string;
}

/** Signs a request on the token with the key of the certificate that is there, for the same name and of the same nature. */
export async function makeRequest(context: ServiceContext, { nickname }: { readonly nickname: string }): Promise<MadeRequest> {
  const token = await openSigningOnceMore(() => context.openToken({ on: tokenWith(context.instance, nickname) }));
  const { certificate, id } = await presentOnToken(token, nickname);
  const key = await token.findKey({ by: 'public-key', spki: certificate.spki, id });
  const { issuer } = context.instance;
  const algorithm = fittingAlgorithm(certificate.spki, issuer.type === 'token' ? issuer : {}, `The key of '${nickname}'`);
  const info = buildRequestInfo({ subject: certificate.subject, spki: certificate.spki, extensions: requestedExtensions(certificate) });
  const identifier = algorithmIdentifier(algorithm);
  const signature = await token.sign(key, algorithm, info);
  // The other CA would find out, days later.
  if (!verifySignature({ data: info, algorithm: identifier, signature }, certificate.spki)) {
    throw new HsmongerError(
      'KEY_MISMATCH',
      `The signature token '${token.description.label}' made is not one by the key of '${nickname}'; no request was written. Run 'hsmonger token check'.`,
    );
  }
  return {
    pem: csrToPem(assembleRequest(info, identifier, signature)),
    subject: nameText(certificate.subject),
    key: keyFingerprint(certificate.spki),
  };
}
