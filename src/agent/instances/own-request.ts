import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { CertificateConfig, Instance } from '../../config/instance.js';
import { requestId } from '../../config/request-id.js';
import { placeKey, placeKeyOf } from '../../tracking/place.js';
import type { RequestCache, CachedRequest } from '../requests/request-cache.js';

/** certmonger's request for a certificate of the instance: by our id, else whoever's it is that keeps the certificate in the same place. */
export function ownRequest(
  requestCache: Pick<RequestCache, 'request' | 'requests'>,
  instance: Instance,
  certificate: CertificateConfig,
): CachedRequest | undefined {
  const found = requestCache.request(requestId(instance, certificate.nickname));
  if (found !== undefined) return found;
  const requests = requestCache.requests();
  return requests === undefined ? undefined : requestInPlace(requests, instance, certificate);
}

/** Who keeps the certificate where ours is kept: the first of them. */
export function requestInPlace(
  requests: readonly CachedRequest[],
  instance: Instance,
  certificate: CertificateConfig,
): CachedRequest | undefined {
  return placesOf(requests).get(placeKeyOf(instance, certificate));
}

/** The other way round: the certificate of the instance that a request is for. */
export function ownCertificate(
  instance: Instance,
  { nickname, certificateStorage }: Pick<TrackingRequest, 'nickname' | 'certificateStorage'>,
): CertificateConfig | undefined {
  const known = namesOf(instance);
  return known.byId.get(nickname) ?? known.byPlace.get(placeKey(certificateStorage) ?? '');
}

/** Made once for each array the cache gives and for each reading of an instance file: thousands are looked up in thousands. */
const places = new WeakMap<readonly CachedRequest[], ReadonlyMap<string, CachedRequest>>();
const names = new WeakMap<Instance, Names>();

interface Names {
  readonly byId: ReadonlyMap<string, CertificateConfig>;
  readonly byPlace: ReadonlyMap<string, CertificateConfig>;
}

function placesOf(requests: readonly CachedRequest[]): ReadonlyMap<string, CachedRequest> {
  const known = places.get(requests);
  if (known !== undefined) return known;
  const made = firstOf(requests, ({ request }) => placeKey(request.certificateStorage));
  places.set(requests, made);
  return made;
}

function namesOf(instance: Instance): Names {
  const known = names.get(instance);
  if (known !== undefined) return known;
  const made = {
    byId: firstOf(instance.certificates, ({ nickname }) => requestId(instance, nickname)),
    byPlace: firstOf(instance.certificates, (certificate) => placeKeyOf(instance, certificate)),
  };
  names.set(instance, made);
  return made;
}

function firstOf<T>(items: readonly T[], keyOf: (item: T) => string | undefined): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  for (const item of items) {
    const key = keyOf(item);
    if (key !== undefined && !found.has(key)) found.set(key, item);
  }
  return found;
}
