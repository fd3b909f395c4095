import { createHash } from 'node:crypto';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import { refreshableStates, restingState } from '../../../dbus/states.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { certificateFromPem } from '../../x509/pem.js';
import { keyFingerprint } from '../../x509/public-key.js';
import type { PublishedCertificate } from './watcher-line.js';

/** What certmonger holds for a nickname, as far as the decision goes. */
export interface HeldRequest {
  readonly status: string;
  /** SHA-256 of the SubjectPublicKeyInfo and of the certificate, hex, and its end; absent where certmonger could not read it. */
  readonly held?: { readonly key: string; readonly certificate: string; readonly notAfter: Date };
}

/** 'refresh' and 'resubmit' are certmonger's own words; 'later': something is under way there, look again soon. */
export type Move =
  | { readonly move: 'none' }
  | { readonly move: 'later' }
  | { readonly move: 'refresh' | 'resubmit'; readonly published: PublishedCertificate };

/** At rest with the old certificate, given up on a new one, or at a loss since its helper was killed: certmonger asks nothing by itself. */
const resubmittable: ReadonlySet<string> = new Set([restingState, 'CA_REJECTED', 'CA_UNCONFIGURED', 'NEED_GUIDANCE']);

/** Whether the directory has a newer certificate for the very key certmonger holds, and how certmonger is got to take it. */
export function decideFollow({ status, held }: HeldRequest, published: readonly PublishedCertificate[], renewalMaster: boolean): Move {
  const newer = published.find(
    ({ key, certificate, notAfter, missed }) =>
      key === held?.key && (notAfter > held.notAfter || (missed && certificate === held.certificate)),
  );
  if (renewalMaster || newer === undefined) return { move: 'none' };
  if (refreshableStates.has(status)) return { move: 'refresh', published: newer };
  return resubmittable.has(status) ? { move: 'resubmit', published: newer } : { move: 'later' };
}

export function heldRequest({ status, certificate: { pem } }: TrackingRequest): HeldRequest {
  if (pem === undefined) return { status };
  const { der, spki, notAfter } = parseCertificate(certificateFromPem(pem));
  return { status, held: { key: keyFingerprint(spki), certificate: createHash('sha256').update(der).digest('hex'), notAfter } };
}
