import { restingState, terminalStates } from '../../dbus/states.js';
import type { TrackingRequest } from '../../dbus/tracking-request.js';

/** How a request stands after it was resubmitted. */
export type Standing = 'renewed' | 'failed' | 'under way';

/**
 * Renewed: at rest with another certificate than before. At rest with the old one means the CA refused (certmonger keeps it and goes on).
 */
export function standingOf(
  before: string | undefined,
  { status, certificate }: Pick<TrackingRequest, 'status'> & { readonly certificate: Pick<TrackingRequest['certificate'], 'pem'> },
): Standing {
  if (!terminalStates.has(status)) return 'under way';
  return status === restingState && certificate.pem !== undefined && certificate.pem !== before ? 'renewed' : 'failed';
}

/**
 * At rest with the old one though nobody refused: of two under a nickname NSS, and certmonger with it, reads the one that begins last, and
 * what outside CAs issue may begin earlier than what it replaces. Read anew (RequestHandle.readAnew) once the saving has removed the old
 * one, it is the new one.
 */
export function readsTheOld(
  before: string | undefined,
  {
    status,
    caError,
    certificate,
  }: Pick<TrackingRequest, 'status' | 'caError'> & { readonly certificate: Pick<TrackingRequest['certificate'], 'pem'> },
): boolean {
  return status === restingState && caError === undefined && certificate.pem !== undefined && certificate.pem === before;
}
