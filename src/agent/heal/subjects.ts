import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { CertificateConfig, Instance } from '../../config/instance.js';
import { requestIds } from '../../config/request-id.js';
import type { RequestSeen } from '../../diagnosis/facts.js';
import { isOurPlace } from '../../tracking/place.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { certificateFromPem } from '../../x509/pem.js';
import { keyFacts, keyFingerprint } from '../../x509/public-key.js';
import type { Sighting } from '../picture/picture.js';

/** Finds each certificate's request: by our id, else whoever's it is that keeps the certificate in the same place; only one that asks our helper, or nobody. */
export function createFinder(instance: Instance): (sightings: readonly Sighting[]) => ReadonlyMap<string, Sighting> {
  const ids = requestIds(instance);
  let last: { readonly of: readonly Sighting[]; readonly found: ReadonlyMap<string, Sighting> } | undefined;
  return (sightings) => {
    // The picture gives the same array as long as nothing changed.
    if (last?.of !== sightings) last = { of: sightings, found: find(instance, ids, sightings) };
    return last.found;
  };
}

function find(instance: Instance, ids: ReadonlyMap<string, string>, sightings: readonly Sighting[]): ReadonlyMap<string, Sighting> {
  const byId = new Map(sightings.map((sighting) => [sighting.request.nickname, sighting]));
  const of = (certificate: CertificateConfig) => byId.get(ids.get(certificate.nickname) ?? '') ?? sightings.find(({ request }) => isOurPlace(request.certificateStorage, instance, certificate));
  return new Map(
    instance.certificates.flatMap((certificate) => {
      const sighting = of(certificate);
      return sighting === undefined || (sighting.request.ca !== undefined && sighting.request.ca !== instance.name) ? [] : [[certificate.nickname, sighting] as const];
    }),
  );
}

/** What the certificate certmonger holds says of its key. */
export interface HeldKey {
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  readonly fingerprint?: string;
  readonly standing: RequestSeen['key'];
}

/** Reads each certificate once, not at every look. */
export function createKeyReader(): (request: TrackingRequest) => HeldKey {
  const known = new Map<string, { readonly pem: string | undefined; readonly key: TrackingRequest['key']; readonly held: HeldKey }>();
  return (request) => {
    const { nickname, key, certificate: { pem } } = request;
    const before = known.get(nickname);
    if (before?.pem === pem && before?.key.type === key.type && before?.key.size === key.size) return before?.held ?? read(request);
    const held = read(request);
    known.set(nickname, { pem, key, held });
    return held;
  };
}

function read({ key, certificate: { pem } }: TrackingRequest): HeldKey {
  if (pem === undefined) return { standing: 'unknown' };
  try {
    const { spki } = parseCertificate(certificateFromPem(pem));
    const { type, bits } = keyFacts(spki);
    const standing = key.type === undefined || key.size === undefined ? 'unknown' : key.type === type && key.size === bits ? 'same' : 'other';
    return { fingerprint: keyFingerprint(spki), standing };
  } catch {
    return { standing: 'unknown' };
  }
}
