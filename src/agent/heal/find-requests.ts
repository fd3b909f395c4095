import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { CertificateConfig, Instance } from '../../config/instance.js';
import { requestIds } from '../../config/request-id.js';
import type { RequestSeen } from '../../diagnosis/facts.js';
import { heldCertificate } from '../instances/held-certificate.js';
import { requestInPlace } from '../instances/own-request.js';
import type { CachedRequest } from '../requests/request-cache.js';

/**
 * Finds each certificate's request: by our id, else whoever's it is that keeps the certificate in the same place; only one that asks our
 * helper, or nobody.
 */
export function createRequestFinder(instance: Instance): (cachedRequests: readonly CachedRequest[]) => ReadonlyMap<string, CachedRequest> {
  const ids = requestIds(instance);
  let last: { readonly of: readonly CachedRequest[]; readonly found: ReadonlyMap<string, CachedRequest> } | undefined;
  return (cachedRequests) => {
    // The cache gives the same array as long as nothing changed.
    if (last?.of !== cachedRequests) last = { of: cachedRequests, found: find(instance, ids, cachedRequests) };
    return last.found;
  };
}

function find(
  instance: Instance,
  ids: ReadonlyMap<string, string>,
  cachedRequests: readonly CachedRequest[],
): ReadonlyMap<string, CachedRequest> {
  const byId = new Map(cachedRequests.map((cached) => [cached.request.nickname, cached]));
  const of = (certificate: CertificateConfig) =>
    byId.get(ids.get(certificate.nickname) ?? '') ?? requestInPlace(cachedRequests, instance, certificate);
  return new Map(
    instance.certificates.flatMap((certificate) => {
      const cached = of(certificate);
      return cached === undefined || (cached.request.ca !== undefined && cached.request.ca !== instance.name)
        ? []
        : [[certificate.nickname, cached] as const];
    }),
  );
}

/** What the certificate certmonger holds says of its key, and which it is. */
export interface HeldKey {
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  readonly fingerprint?: string;
  /** SHA-256 of the certificate, hex. */
  readonly certificate?: string;
  readonly standing: RequestSeen['key'];
}

/** Held against the key certmonger means: where the two differ it would make another. */
export function heldKey(request: Pick<TrackingRequest, 'nickname' | 'key' | 'certificate'>): HeldKey {
  const held = heldCertificate(request);
  if (held === undefined) return { standing: 'unknown' };
  const {
    key: { type, size },
  } = request;
  const standing =
    type === undefined || size === undefined ? 'unknown' : type === held.key.type && size === held.key.bits ? 'same' : 'other';
  return { fingerprint: held.fingerprint, certificate: held.sha256, standing };
}
