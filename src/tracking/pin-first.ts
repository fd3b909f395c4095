import type { TrackingRequest } from '../../dbus/tracking-request.js';
import type { Directories, Instance } from '../config/instance.js';
import { pinPathOf } from '../config/token-of.js';
import { asHsmongerError } from '../errors.js';
import { askService } from '../service/ask.js';

/** Whether certmonger logs in with the instance's PIN when this request is touched: twice before anything else, and for the CSR (tdbush.c, keyiread-n.c). */
export function needsPin({ token }: Pick<Instance, 'token'>, { key }: Pick<TrackingRequest, 'key'>): boolean {
  const file = pinPathOf(token?.pin);
  return file !== undefined && key.pinFile === file;
}

/**
 * Tries the PIN once, by the rules of the PIN guard, before certmonger would with each of these. PIN_ codes: whether it is right. A token that cannot be
 * seen says nothing of its PIN, and what is asked for then waits for it.
 */
export async function provePinFor(place: { readonly instance: Instance; readonly directories: Directories }, requests: readonly Pick<TrackingRequest, 'key'>[]): Promise<void> {
  if (!requests.some((request) => needsPin(place.instance, request))) return;
  try {
    await askService(place, 'prove PIN', { force: false, anew: false });
  } catch (error) {
    if (asHsmongerError(error).code.startsWith('PIN_')) throw error;
  }
}
