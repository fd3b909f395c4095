import type { CertificateConfig, Instance } from '../config/instance.js';
import { requestId } from '../config/request-id.js';
import { isOurPlace } from '../tracking/place.js';
import type { Picture, Sighting } from './picture/picture.js';

/** certmonger's request for a certificate of the instance: by our id, else whoever's it is that keeps the certificate in the same place. */
export function ownRequest(picture: Pick<Picture, 'request' | 'requests'>, instance: Instance, certificate: CertificateConfig): Sighting | undefined {
  return picture.request(requestId(instance, certificate.nickname)) ?? picture.requests()?.find(({ request }) => isOurPlace(request.certificateStorage, instance, certificate));
}
