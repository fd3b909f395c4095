import { parseCertificate } from '../../x509/parse-certificate.js';
import { equalBytes } from '../../x509/der.js';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import { certificateFromPem } from '../../x509/pem.js';
import { isOurPlace } from '../place.js';
import type { Evidence, Refusal } from '../preflight.js';
import type { Sighting } from '../sightings.js';

/** Requests that are not ours: on the same certificate, under our id, or for the same subject on the same token. */
export function foreignRequests(evidence: Evidence): Refusal[] {
  const { instance, ids, requests, seen } = evidence;
  const own = new Set(ids.values());
  return seen.flatMap((sighting): Refusal[] => {
    const id = ids.get(sighting.nickname);
    return requests.flatMap((request): Refusal[] => {
      if (own.has(request.nickname)) return request.nickname === id && !isOurs(evidence, request, sighting.nickname) ? [taken(instance.name, request, sighting.nickname)] : [];
      if (request.nickname.toLowerCase() === id?.toLowerCase()) return [taken(instance.name, request, sighting.nickname)];
      return clash(evidence, request, sighting);
    });
  });
}

/** A request under our id is ours, drifted or not, when it is our CA's or keeps its certificate where ours does. */
function isOurs({ instance }: Evidence, request: TrackingRequest, nickname: string): boolean {
  return request.ca === instance.name || isOurPlace(request.certificateStorage, instance, nickname);
}

function clash({ instance, token: { description } }: Evidence, request: TrackingRequest, { nickname, certificate }: Sighting): Refusal[] {
  const check = 'foreign-requests';
  const whose = `request '${request.nickname}'${request.ca === undefined ? '' : ` of CA '${request.ca}'`}`;
  if (isOurPlace(request.certificateStorage, instance, nickname)) {
    return [{ check, nickname, problem: `certmonger already tracks '${nickname}' in ${instance.nss.database} as ${whose}.`, fix: `Hand it over: getcert stop-tracking -i ${request.nickname} (key and certificate stay), then track it again with hsmonger.` }];
  }
  const subject = request.certificateStorage.token === description.label ? subjectOf(request.certificate.pem) : undefined;
  if (subject === undefined || certificate === undefined || !equalBytes(subject, certificate.subject) || request.certificateStorage.nickname === nickname) return [];
  return [{ check, nickname, problem: `certmonger's ${whose} has the same subject as '${nickname}' on the same token; whichever is saved first would delete the other certificate and its key.`, fix: `Stop one of the two (getcert stop-tracking -i ${request.nickname}), or move one to another token.` }];
}

function taken(instance: string, request: TrackingRequest, nickname: string): Refusal {
  return { check: 'foreign-requests', nickname, problem: `certmonger's request id '${request.nickname}', needed for '${nickname}', belongs to ${request.ca === undefined ? 'another request' : `a request of CA '${request.ca}'`}.`, fix: `Rename the instance '${instance}' or end that request: getcert stop-tracking -i ${request.nickname}.` };
}

function subjectOf(pem: string | undefined): Uint8Array | undefined {
  try {
    return pem === undefined ? undefined : parseCertificate(certificateFromPem(pem)).subject;
  } catch {
    return undefined;
  }
}
