import type { CertificateConfig, Instance } from '../../../config/instance.js';
import { requestIds } from '../../../config/request-id.js';
import type { RequestSeen } from '../../../diagnosis/facts.js';
import type { Certificate } from '../../../x509/certificate.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { certificateFromPem } from '../../../x509/pem.js';
import { keyFacts } from '../../../x509/public-key.js';
import type { CertmongerFacts } from '../../facts/certmonger.js';

type Request = CertmongerFacts['requests'][number];

/** The instance's requests that certmonger has, each with its certificate. */
export function ourRequests(
  instance: Instance,
  requests: readonly Request[],
): { readonly config: CertificateConfig; readonly request: Request }[] {
  const ids = requestIds(instance);
  return instance.certificates.flatMap((config) => {
    const request = requests.find(({ nickname }) => nickname === ids.get(config.nickname));
    return request === undefined ? [] : [{ config, request }];
  });
}

/** The certificate certmonger holds; undefined where it holds none that can be read. */
export function certificateOf({ certificate: { pem } }: Request): Certificate | undefined {
  try {
    return pem === undefined ? undefined : parseCertificate(certificateFromPem(pem));
  } catch {
    return undefined;
  }
}

/** Whether certmonger's type and size of the key are those of the certificate it holds: it makes a new key where they are not. */
export function keyStanding(request: Request): RequestSeen['key'] {
  const certificate = certificateOf(request);
  const { type, size } = request.key;
  if (certificate === undefined || type === undefined || size === undefined) return 'unknown';
  const key = keyFacts(certificate.spki);
  return key.type === type && key.bits === size ? 'same' : 'other';
}
