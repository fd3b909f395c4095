import { writesBehind } from '../../dbus/netscape-type.js';
import type { TrackingRequest } from '../../dbus/tracking-request.js';

/**
 * Whether certmonger would ask for a Netscape type of this request's certificate, and so spoil the heap of the child that asks. It takes
 * the type from the certificate it was given first.
 */
export function asksNetscapeType({ template }: { readonly template: Pick<TrackingRequest['template'], 'netscapeType'> }): boolean {
  return writesBehind(template.netscapeType);
}
