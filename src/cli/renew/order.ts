import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { CertificateConfig, Directories, Instance, IssuerConfig } from '../../config/instance.js';
import { requestIds } from '../../config/request-id.js';
import { HsmongerError } from '../../errors.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { certificateFromPem } from '../../x509/pem.js';
import { keyFacts } from '../../x509/public-key.js';

export interface Place {
  readonly instance: Instance;
  readonly directories: Directories;
}

/** A certificate to renew, its request, and the type and size of the key both say it has. */
export interface Order {
  readonly config: CertificateConfig;
  readonly request: TrackingRequest;
  readonly keyType: 'RSA' | 'EC';
  readonly keySize: number;
}

/** The named certificates, the issuer's own first: what is signed before its renewal would live no longer than it does now. */
export function choose(instance: Instance, { nickname: named = [], all }: { readonly nickname: readonly string[] | undefined; readonly all: boolean }): CertificateConfig[] {
  if (all === named.length > 0) throw new HsmongerError('USAGE', `Name the certificates to renew, or say --all: ${instance.certificates.map(({ nickname }) => `'${nickname}'`).join(', ')}.`);
  const stranger = named.find((wanted) => !instance.certificates.some(({ nickname }) => nickname === wanted));
  if (stranger !== undefined) throw new HsmongerError('USAGE', `${instance.file} has no certificate '${stranger}'; it has ${instance.certificates.map(({ nickname }) => `'${nickname}'`).join(', ')}.`);
  return instance.certificates.filter(({ nickname }) => all || named.includes(nickname)).sort((a, b) => Number(b.nickname === instance.issuer.certificate) - Number(a.nickname === instance.issuer.certificate));
}

/** Whether what is renewed after the issuer's own certificate is signed under it. A replica takes what is published already; a CA outside answers when it likes. */
export function leadsOthers({ type }: IssuerConfig): boolean {
  switch (type) {
    case 'token':
    case 'dogtag':
      return true;
    case 'directory':
    case 'external':
      return false;
  }
}

/** Refuses what certmonger would answer with a new key, or what is not ours to renew. */
export function orderOf(instance: Instance, config: CertificateConfig, requests: readonly TrackingRequest[]): Order {
  const id = requestIds(instance).get(config.nickname);
  const request = requests.find(({ nickname }) => nickname === id);
  if (request === undefined) throw new HsmongerError('REQUEST_NOT_FOUND', `certmonger does not track '${config.nickname}' for instance '${instance.name}'; run 'hsmonger track apply' first.`);
  if (request.ca !== instance.name) throw new HsmongerError('CERTMONGER_REFUSED', `The request '${request.nickname}' goes to CA '${request.ca ?? 'none'}', not to '${instance.name}'; run 'hsmonger track apply' first.`);
  const { pem } = request.certificate;
  if (pem === undefined) throw new HsmongerError('CERTIFICATE_NOT_FOUND', `certmonger could not read the certificate of '${config.nickname}', so it would ask for a new one instead of a renewal; see 'hsmonger status'.`);
  const { type, bits } = keyFacts(parseCertificate(certificateFromPem(pem)).spki);
  if ((type !== 'RSA' && type !== 'EC') || request.key.type !== type || request.key.size !== bits) {
    throw new HsmongerError('KEY_MISMATCH', `certmonger takes the key of '${config.nickname}' for ${request.key.type ?? 'unknown'} ${String(request.key.size ?? '')}, its certificate says ${type} ${String(bits)}: a renewal would make a new key, so none was asked for. Run 'hsmonger track plan'.`);
  }
  return { config, request, keyType: type, keySize: bits };
}
