import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { Instance } from '../../config/instance.js';
import { isOurCa } from '../../tracking/plan.js';
import { ownCertificate } from '../instances/own-request.js';
import type { RequestChange } from '../requests/request-cache.js';

/**
 * Whether a change in the request cache may have made a request of the instance differ from its file: one came, one went, or its settings
 * are others.
 */
export function mayBeDrift(change: RequestChange, instance: Instance, ids: ReadonlySet<string>): boolean {
  if (change.kind === 'certmonger') return change.running;
  const [before, now] = [change.before?.request, change.now?.request];
  if (![before, now].some((request) => request !== undefined && concerns(request, instance, ids))) return false;
  return before === undefined || now === undefined || settings(before) !== settings(now);
}

function concerns(request: TrackingRequest, instance: Instance, ids: ReadonlySet<string>): boolean {
  return ids.has(request.nickname) || isOurCa(instance, request.ca) || ownCertificate(instance, request) !== undefined;
}

/** What an administrator sets, and the key, which nobody should; what certmonger does at work is not among it. */
function settings({
  nickname,
  ca,
  template,
  keyStorage,
  certificateStorage,
  key,
  nssUser,
  preSaveCommand,
  postSaveCommand,
  monitoring,
  autorenew,
}: TrackingRequest): string {
  return JSON.stringify([
    nickname,
    ca,
    template.profile,
    keyStorage,
    certificateStorage,
    key.pinFile,
    key.pinSet,
    nssUser,
    preSaveCommand,
    postSaveCommand,
    monitoring,
    autorenew,
    key.generated,
  ]);
}
