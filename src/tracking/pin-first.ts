import type { TrackingRequest } from '../../dbus/tracking-request.js';
import type { Instance, InstanceSite } from '../config/instance.js';
import { tokensOf, tokenViews } from '../config/token-views.js';
import { pinPathOf } from '../config/token-of.js';
import { asHsmongerError } from '../errors.js';
import { askService } from '../service/ask.js';

/**
 * Whether certmonger logs in with the PIN of one of the instance's tokens when this request is touched: twice before anything else, and for
 * the CSR (tdbush.c, keyiread-n.c).
 */
export function needsPin(instance: Pick<Instance, 'token' | 'otherTokens'>, { key }: Pick<TrackingRequest, 'key'>): boolean {
  return key.pinFile !== undefined && tokensOf(instance).some(({ pin }) => pinPathOf(pin) === key.pinFile);
}

/**
 * Tries the PIN once, by the rules of the PIN guard, before certmonger would with each of these. PIN_ codes: whether it is right. A token
 * that cannot be seen says nothing of its PIN, and what is asked for then waits for it.
 */
export async function provePinFor(place: InstanceSite, requests: readonly Pick<TrackingRequest, 'key'>[]): Promise<void> {
  for (const instance of tokenViews(place.instance)) {
    // A view has one token.
    if (!requests.some((request) => needsPin({ ...(instance.token === undefined ? {} : { token: instance.token }) }, request))) continue;
    try {
      await askService({ ...place, instance }, 'prove PIN', { force: false, anew: false });
    } catch (error) {
      if (asHsmongerError(error).code.startsWith('PIN_')) throw error;
    }
  }
}
