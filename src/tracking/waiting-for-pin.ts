import type { Certmonger } from '../../dbus/certmonger.js';
import { refreshableStates } from '../../dbus/states.js';
import type { TrackingRequest } from '../../dbus/tracking-request.js';
import { sentenceOf } from '../errors.js';
import { provenKey, resubmitSameKey } from './same-key.js';

type Client = Pick<Certmonger, 'request'>;

/** How a request that waits for its PIN is set going again; undefined where it waits for nothing, or goes on by itself. */
export function moveOf({ status }: Pick<TrackingRequest, 'status'>): 'read again' | 'resubmit' | 'refresh' | undefined {
  // Not tracked for good yet: there is nothing to renew, only to read.
  if (status === 'NEWLY_ADDED_NEED_KEYINFO_READ_PIN') return 'read again';
  if (/^NEED_(KEYINFO_READ|CSR_GEN|CERTSAVE)_PIN$/u.test(status)) return 'resubmit';
  // The helper said to wait; asking it for nothing harms nobody.
  return refreshableStates.has(status) ? 'refresh' : undefined;
}

/** The requests that name one of these as their PIN file. */
export function requestsWithPin(requests: readonly TrackingRequest[], files: ReadonlySet<string>): TrackingRequest[] {
  return requests.filter(({ key }) => key.pinFile !== undefined && files.has(key.pinFile));
}

/** Sets going again what waits for a PIN that is there now, never with a new key. Gives the ids that were, and why others were not. */
export async function wakeRequests(certmonger: Client, requests: readonly TrackingRequest[]): Promise<{ readonly woken: string[]; readonly troubles: string[] }> {
  const woken: string[] = [];
  const troubles: string[] = [];
  for (const request of requests) {
    try {
      if (await wake(certmonger, request)) woken.push(request.nickname);
    } catch (error) {
      troubles.push(`'${request.nickname}' still waits in ${request.status}: ${sentenceOf(error)}`);
    }
  }
  return { woken, troubles };
}

async function wake(certmonger: Client, request: TrackingRequest): Promise<boolean> {
  const id = request.nickname;
  switch (moveOf(request)) {
    case undefined:
      return false;
    case 'read again':
      // A change that changes nothing has certmonger begin anew (tdbush.c, request_modify).
      await certmonger.request(id).modify(request.key.pinFile === undefined ? {} : { keyPinFile: request.key.pinFile });
      return true;
    case 'refresh':
      return certmonger.request(id).refresh();
    case 'resubmit':
      return (await resubmitSameKey(certmonger, id, provenKey(request.certificateStorage.nickname ?? id, request))).taken;
  }
}
