import type { CertificateConfig, Instance } from '../config/instance.js';
import { systemCertificates } from '../freeipa/system-certificates.js';
import type { TrackingFacts } from './facts.js';
import { isOurPlace } from './place.js';

/** Something a person should know that keeps nothing from being done. */
export interface Warning {
  /** Stable, for programs. */
  readonly check: 'freeipa-table' | 'unclaimed-requests' | 'pin-files';
  /** Of the certificate, where it is about one. */
  readonly nickname?: string;
  /** A whole sentence. */
  readonly problem: string;
}

const caSigning = 'caSigningCert cert-pki-ca';
/**
 * A lightweight CA's certificate: the CA's nickname and Dogtag's id of the authority (cainstance.py, add_lightweight_ca_tracking_requests).
 */
const subCa = /^caSigningCert cert-pki-ca (?<authority>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/iu;

/**
 * Where the instance file of a FreeIPA server differs from what FreeIPA's own tools expect, and which requests of our CA it says nothing
 * of.
 */
export function warningsOf({ instance, requests }: Pick<TrackingFacts, 'instance' | 'requests'>): Warning[] {
  return [
    ...(instance.freeipa === undefined ? [] : instance.certificates.flatMap((certificate) => deviations(instance, certificate))),
    ...unclaimed(instance, requests),
  ];
}

function deviations(instance: Instance, { nickname, profile, storage, authority }: CertificateConfig): Warning[] {
  const lightweight = subCa.exec(nickname)?.groups?.['authority'];
  const row = systemCertificates.find((certificate) => certificate.nickname === (lightweight === undefined ? nickname : caSigning));
  if (row === undefined) return [];
  // Without an HSM what the table has on the token lies in the NSS database itself.
  const expected =
    row.storage === 'token' && !instance.certificates.some((other) => other.storage.kind === 'token') ? 'internal' : row.storage;
  const warning = (problem: string): Warning => ({ check: 'freeipa-table', nickname, problem });
  return [
    ...(profile === row.profile
      ? []
      : [warning(`FreeIPA renews '${nickname}' with profile ${row.profile}, ${instance.file} says ${profile}.`)]),
    ...(storage.kind === expected
      ? []
      : [warning(`FreeIPA keeps '${nickname}' ${places[expected]}, ${instance.file} says ${places[storage.kind]}.`)]),
    ...(lightweight === undefined || authority?.toLowerCase() === lightweight.toLowerCase()
      ? []
      : [warning(`'${nickname}' is the certificate of a lightweight CA, and ${instance.file} does not say authority = "${lightweight}".`)]),
  ];
}

const places = { token: 'on the token', internal: 'in the NSS database itself', file: 'in files' } as const;

/**
 * Requests that go to our CA and that nothing in the instance file is about: nobody proved their keys. Those with our prefix are removed
 * instead.
 */
function unclaimed(instance: Instance, requests: TrackingFacts['requests']): Warning[] {
  return requests
    .filter(
      (request) =>
        request.ca === instance.name &&
        !request.nickname.startsWith(`${instance.name}.`) &&
        !instance.certificates.some((certificate) => isOurPlace(request.certificateStorage, instance, certificate)),
    )
    .map(({ nickname, certificateStorage: storage }) => ({
      check: 'unclaimed-requests',
      problem: `certmonger's request '${nickname}' (${storage.nickname ?? storage.file ?? 'no certificate'}) goes to CA '${instance.name}', and ${instance.file} has no [[certificate]] for it; add one, or stop it with: getcert stop-tracking -i ${nickname}.`,
    }));
}
