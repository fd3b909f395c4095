import { setTimeout as sleep } from 'node:timers/promises';
import type { Certmonger } from '../../dbus/certmonger.js';
import type { TrackingRequest } from '../../dbus/tracking-request.js';
import { HsmongerError } from '../errors.js';
import { provenKey, resubmitSameKey } from './same-key.js';

/** A request that stopped because certmonger's child saw no token, and whose key was read before: asked again, it goes on with that key. */
const unseen: ReadonlySet<string> = new Set(['NEED_KEYINFO_READ_TOKEN', 'NEED_CSR_GEN_TOKEN', 'NEED_CERTSAVE_TOKEN']);

/** The same of a request that was just added: nothing of it was read, and begun anew it might make a key; it has to be added anew. */
export const unseenAtFirst = 'NEWLY_ADDED_NEED_KEYINFO_READ_TOKEN';

/**
 * How often is asked again, after how many milliseconds, before a request is called stuck: SoftHSM rewrites a token's file at every login,
 * and a network HSM in fail-over is away for a moment, too (pkcs11/open-token.ts looks again for the same reason).
 */
export const lookAgain = { times: 3, pauseMs: 700 };

/** Asks again for a request that is stuck for an unseen token, as often as that may be; says whether it was asked. */
export function createAsker(
  certmonger: Pick<Certmonger, 'request'>,
  signal: AbortSignal = new AbortController().signal,
): (request: TrackingRequest) => Promise<boolean> {
  let left = lookAgain.times;
  return async (request) => {
    if (!unseen.has(request.status) || left === 0 || signal.aborted) return false;
    left--;
    await sleep(lookAgain.pauseMs, undefined, { signal }).catch(() => undefined);
    try {
      return (await resubmitSameKey(certmonger, request.nickname, provenKey(request.nickname, request))).taken;
    } catch (error) {
      // Not certain to keep its key, so left as it is.
      if (error instanceof HsmongerError && (error.code === 'KEY_MISMATCH' || error.code === 'CERTIFICATE_NOT_FOUND')) return false;
      throw error;
    }
  };
}
