import type { TrackingRequest } from '../../dbus/tracking-request.js';
import type { CertificateConfig, Instance } from '../config/instance.js';
import { requestIds } from '../config/request-id.js';
import { HsmongerError } from '../errors.js';
import { provenKey, type ProvenKey } from './same-key.js';

/** A certificate to renew, its request, and the type and size of the key both say it has. */
export interface Order extends ProvenKey {
  readonly config: CertificateConfig;
  readonly request: TrackingRequest;
}

/** Refuses what certmonger would answer with a new key, or what is not ours to renew. */
export function orderOf(instance: Instance, config: CertificateConfig, requests: readonly TrackingRequest[]): Order {
  const id = requestIds(instance).get(config.nickname);
  const request = requests.find(({ nickname }) => nickname === id);
  if (request === undefined)
    throw new HsmongerError(
      'REQUEST_NOT_FOUND',
      `certmonger does not track '${config.nickname}' for instance '${instance.name}'; run 'hsmonger track apply' first.`,
    );
  if (request.ca !== instance.name)
    throw new HsmongerError(
      'CERTMONGER_REFUSED',
      `The request '${request.nickname}' goes to CA '${request.ca ?? 'none'}', not to '${instance.name}'; run 'hsmonger track apply' first.`,
    );
  return { config, request, ...provenKey(config.nickname, request) };
}
