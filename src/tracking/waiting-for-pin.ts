import { setTimeout as sleep } from 'node:timers/promises';
import type { Certmonger } from '../../dbus/certmonger.js';
import { refreshableStates } from '../../dbus/states.js';
import type { TrackingRequest } from '../../dbus/tracking-request.js';
import { HsmongerError, sentenceOf } from '../errors.js';
import { provenKey, resubmitSameKey } from './same-key.js';

type Client = Pick<Certmonger, 'request'>;

/**
 * How a request that waits for its PIN is set going again; undefined where it waits for nothing, or goes on by itself. 'unread': certmonger
 * never saw its key.
 */
export function moveOf({ status }: Pick<TrackingRequest, 'status'>): 'unread' | 'resubmit' | 'refresh' | undefined {
  if (status === 'NEWLY_ADDED_NEED_KEYINFO_READ_PIN') return 'unread';
  if (/^NEED_(KEYINFO_READ|CSR_GEN|CERTSAVE)_PIN$/u.test(status)) return 'resubmit';
  // The helper said to wait; asking it for nothing harms nobody.
  return refreshableStates.has(status) ? 'refresh' : undefined;
}

/** The requests that name one of these as their PIN file. */
export function requestsWithPin(requests: readonly TrackingRequest[], files: ReadonlySet<string>): TrackingRequest[] {
  return requests.filter(({ key }) => key.pinFile !== undefined && files.has(key.pinFile));
}

/** Sets going again what waits for a PIN that is there now, never with a new key. Gives the ids that were, and why others were not. */
export async function wakeRequests(
  certmonger: Client,
  requests: readonly TrackingRequest[],
): Promise<{ readonly woken: string[]; readonly troubles: string[] }> {
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

/** A child of certmonger has read the PIN file and is at the token, or is about to. */
const atToken: ReadonlySet<string> = new Set([
  'READING_KEYINFO',
  'NEWLY_ADDED_READING_KEYINFO',
  'NEWLY_ADDED_READING_CERT',
  'GENERATING_CSR',
  'SAVING_CERT',
  'READING_CERT',
]);

/** Until none of certmonger's children may still use a PIN it has read; STATE_BUSY after `patienceMs`. */
export async function untilIdle(
  look: () => Promise<readonly Pick<TrackingRequest, 'nickname' | 'status'>[]>,
  token: string,
  patienceMs = 60_000,
): Promise<void> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const busy = (await look()).find(({ status }) => atToken.has(status));
    if (busy === undefined) return;
    if (Date.now() > end)
      throw new HsmongerError(
        'STATE_BUSY',
        `certmonger has been at token '${token}' for '${busy.nickname}' (${busy.status}) for ${String(patienceMs / 1000)} s; try again when it has ended.`,
      );
    await sleep(200);
  }
}

async function wake(certmonger: Client, request: TrackingRequest): Promise<boolean> {
  const id = request.nickname;
  switch (moveOf(request)) {
    case undefined:
      return false;
    case 'unread':
      // Begun anew it makes a key where it finds none (iterate.c:2160-2195), and nobody has looked (design rule 1).
      throw new HsmongerError(
        'KEY_NOT_FOUND',
        "certmonger has never read its key, so it is not begun anew before that key is proven: a running agent does so, and without one 'hsmonger track stop' and 'hsmonger track start' for it.",
      );
    case 'refresh':
      return certmonger.request(id).refresh();
    case 'resubmit':
      return (await resubmitSameKey(certmonger, id, provenKey(request.certificateStorage.nickname ?? id, request))).taken;
  }
}
