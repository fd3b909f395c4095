import type { Certmonger } from '../../../dbus/certmonger.js';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { CertificateConfig, Instance, InstanceSite } from '../../config/instance.js';
import { sentenceOf } from '../../errors.js';
import { lockedSentence } from '../../pkcs11/pin/pin-source.js';
import { askService } from '../../service/ask.js';
import { isUnlocked } from '../../service/pin/unlocked-file.js';
import { isOurPlace } from '../../tracking/place.js';
import { requestIds } from '../../config/request-id.js';
import type { Certificate } from '../../x509/certificate.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { certificateFromPem } from '../../x509/pem.js';
import { keyFingerprint } from '../../x509/public-key.js';
import { withCertmonger } from '../with-certmonger.js';
import { lookIntoStores } from './stores.js';
import { statusRow, type CertificateFacts } from './rows.js';
import type { StatusReport } from './table.js';

/**
 * One look at certmonger, the certificates and the ledger. What does not answer is a trouble of the report; the rest is told all the same.
 */
export async function gatherStatus(
  place: InstanceSite,
  bus: string,
  env: Readonly<Record<string, string | undefined>>,
  now: Date,
): Promise<StatusReport> {
  const { instance } = place;
  const [requests, stores, ledger, servers] = await Promise.allSettled([
    withCertmonger(bus, env, requestsOf),
    lookIntoStores(place),
    askService(place, 'read ledger', undefined),
    instance.directory === undefined ? undefined : askService(place, 'look at servers', { all: false }),
  ]);
  if (stores.status === 'rejected') throw stores.reason;
  const alarm = servers.status === 'fulfilled' ? servers.value?.alarm : undefined;
  const ids = requestIds(instance);
  const rows = instance.certificates.map((config) => {
    const { where, newest } = stores.value.find(config);
    const request =
      requests.status === 'fulfilled' ? (requestOf(requests.value, instance, ids.get(config.nickname), config) ?? 'none') : undefined;
    const facts: CertificateFacts = {
      instance,
      config,
      where,
      inStore: newest,
      subjectKey: subjectKeyOf(newest, request),
      request,
      ledger: ledger.status === 'fulfilled' ? ledger.value : undefined,
    };
    return statusRow(now, facts);
  });
  return {
    instance: instance.name,
    at: now,
    rows,
    troubles: [
      ...lockedOf(instance),
      ...troublesOf([requests, ...stores.value.looks, ledger, servers]),
      ...(alarm === undefined ? [] : [alarm]),
    ],
  };
}

/** The request of a certificate: by our id, else whoever's it is that keeps the certificate in the same place. */
function requestOf(
  requests: readonly TrackingRequest[],
  instance: Instance,
  id: string | undefined,
  config: CertificateConfig,
): TrackingRequest | undefined {
  return (
    requests.find((request) => request.nickname === id) ??
    requests.find((request) => isOurPlace(request.certificateStorage, instance, config))
  );
}

async function requestsOf(certmonger: Certmonger): Promise<TrackingRequest[]> {
  // Asking certmonger for its requests would start it: whoever only looks changes nothing.
  if (!(await certmonger.running()))
    throw new Error('certmonger does not run, so nothing is renewed; start it with systemctl start certmonger');
  return certmonger.listRequests();
}

function subjectKeyOf(certificate: Certificate | 'none' | undefined, request: TrackingRequest | 'none' | undefined): string | undefined {
  if (certificate !== undefined && certificate !== 'none') return keyFingerprint(certificate.spki);
  const pem = request === 'none' ? undefined : request?.certificate.pem;
  return pem === undefined ? undefined : keyFingerprint(parseCertificate(certificateFromPem(pem)).spki);
}

function lockedOf({ token }: Instance): string[] {
  return token?.pin.from === 'unlocked' && !isUnlocked(token.pin) ? [lockedSentence(token.pin)] : [];
}

function troublesOf(parts: readonly PromiseSettledResult<unknown>[]): string[] {
  const sentences = parts.flatMap((part) => (part.status === 'rejected' ? [`${sentenceOf(part.reason).replace(/\.$/u, '')}.`] : []));
  // One cause can stop two parts: it is told once.
  return [...new Set(sentences)];
}
