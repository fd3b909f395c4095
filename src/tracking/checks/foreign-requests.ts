import { parseCertificate } from '../../x509/parse-certificate.js';
import { equalBytes } from '../../x509/der.js';
import type { Storage, TrackingRequest } from '../../../dbus/tracking-request.js';
import { certificateFromPem } from '../../x509/pem.js';
import { isOurPlace, samePlace } from '../place.js';
import { adoptable, isOurCa } from '../plan.js';
import type { Evidence, Refusal } from '../preflight.js';
import type { Sighting } from '../sightings.js';

/** Requests that are not ours: on the same certificate or key, under our id, or for the same subject in the same store. */
export function foreignRequests(evidence: Evidence): Refusal[] {
  const { instance, ids, requests, seen } = evidence;
  const own = new Set(ids.values());
  const byId = new Map(requests.map((request) => [request.nickname, request]));
  const others = requests.filter(({ nickname }) => !own.has(nickname));
  return seen.flatMap((sighting): Refusal[] => {
    const id = ids.get(sighting.nickname);
    const ours = byId.get(id ?? '');
    // One that goes to our CA under another id becomes ours by being renamed, unless ours is there beside it.
    const adopted = ours === undefined ? adoptable(requests, instance, sighting) : undefined;
    return [
      ...(ours === undefined || isOurs(evidence, ours, sighting) ? [] : [taken(instance.name, ours, sighting.nickname)]),
      ...others.flatMap((request): Refusal[] => {
        if (request === adopted) return [];
        if (request.nickname.toLowerCase() === id?.toLowerCase()) return [taken(instance.name, request, sighting.nickname)];
        return clash(evidence, request, sighting);
      }),
    ];
  });
}

/** A request under our id is ours, drifted or not, when it is our CA's or keeps its certificate where ours does. */
function isOurs({ instance }: Evidence, request: TrackingRequest, sighting: Sighting): boolean {
  return isOurCa(instance, request.ca) || isOurPlace(request.certificateStorage, instance, sighting);
}

function clash(evidence: Evidence, request: TrackingRequest, sighting: Sighting): Refusal[] {
  const { instance } = evidence;
  const { nickname, certificate, storage } = sighting;
  const check = 'foreign-requests';
  const whose = `request '${request.nickname}'${request.ca === undefined ? '' : ` of CA '${request.ca}'`}`;
  if (
    isOurPlace(request.certificateStorage, instance, sighting) ||
    (storage.kind === 'file' && request.keyStorage.type === 'FILE' && samePlace(request.keyStorage.file, storage.key))
  ) {
    return [
      {
        check,
        nickname,
        problem: `certmonger already tracks '${nickname}' in ${storage.kind === 'file' ? storage.certificate : instance.nss.database} as ${whose}.`,
        fix: `Hand it over: getcert stop-tracking -i ${request.nickname} (key and certificate stay), then track it again with hsmonger.`,
      },
    ];
  }
  const subject = inSameStore(evidence, request.certificateStorage, storage.kind) ? subjectOf(request.certificate.pem) : undefined;
  if (
    subject === undefined ||
    certificate === undefined ||
    !equalBytes(subject, certificate.subject) ||
    request.certificateStorage.nickname === nickname
  )
    return [];
  const store = storage.kind === 'token' ? 'on the same token' : 'in the same NSS database';
  return [
    {
      check,
      nickname,
      problem: `certmonger's ${whose} has the same subject as '${nickname}' ${store}; whichever is saved first would delete the other certificate and its key.`,
      fix: `Stop one of the two (getcert stop-tracking -i ${request.nickname}), or move one to another token.`,
    },
  ];
}

/**
 * Whether certmonger would save that request's certificate into the store ours is in. Two databases may show one token; without one it
 * takes the internal.
 */
function inSameStore(
  { instance, token, nss }: Evidence,
  { type, token: label, database }: Storage,
  kind: Sighting['storage']['kind'],
): boolean {
  if (type !== 'NSSDB') return false;
  switch (kind) {
    case 'token':
      return label !== undefined && label === token?.description.label;
    case 'internal':
      return samePlace(database, instance.nss.database) && (label === undefined || label === nss.internalName);
    case 'file':
      return false;
  }
}

function taken(instance: string, request: TrackingRequest, nickname: string): Refusal {
  return {
    check: 'foreign-requests',
    nickname,
    problem: `certmonger's request id '${request.nickname}', needed for '${nickname}', belongs to ${request.ca === undefined ? 'another request' : `a request of CA '${request.ca}'`}.`,
    fix: `Rename the instance '${instance}' or end that request: getcert stop-tracking -i ${request.nickname}.`,
  };
}

function subjectOf(pem: string | undefined): Uint8Array | undefined {
  try {
    return pem === undefined ? undefined : parseCertificate(certificateFromPem(pem)).subject;
  } catch {
    return undefined;
  }
}
