import type { TrackingRequest } from '../../dbus/tracking-request.js';
import type { Directories, Instance } from '../config/instance.js';
import { pinPathOf } from '../config/token-of.js';
import { askService } from '../service/ask.js';

/** Whether certmonger logs in with the instance's PIN when this request is touched: twice before anything else, and for the CSR (tdbush.c, keyiread-n.c). */
export function needsPin({ token }: Pick<Instance, 'token'>, { key }: Pick<TrackingRequest, 'key'>): boolean {
  const file = pinPathOf(token?.pin);
  return file !== undefined && key.pinFile === file;
}

/** Tries the PIN once, by the rules of the PIN guard, before certmonger would with each of these. PIN_ codes, and those of opening the token. */
export async function provePinFor(place: { readonly instance: Instance; readonly directories: Directories }, requests: readonly Pick<TrackingRequest, 'key'>[]): Promise<void> {
  if (requests.some((request) => needsPin(place.instance, request))) await askService(place, 'prove PIN', { force: false, anew: false });
}
