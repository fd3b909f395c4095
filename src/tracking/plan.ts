import type { TrackingRequest } from '../../dbus/tracking-request.js';
import type { Instance } from '../config/instance.js';
import type { DesiredRequest } from './desired.js';

/** One field of a request that is not as it should be; undefined where certmonger has none. */
export interface Difference {
  readonly field: Field;
  readonly now: string | undefined;
  readonly wanted: string;
}

export type Change =
  | { readonly kind: 'add'; readonly request: DesiredRequest }
  /** Fields certmonger can change in place. */
  | { readonly kind: 'modify'; readonly request: DesiredRequest; readonly differences: readonly Difference[] }
  /** Where key and certificate are kept cannot be changed in place (tdbush.c:3173): removed and added. */
  | { readonly kind: 'replace'; readonly request: DesiredRequest; readonly differences: readonly Difference[] }
  /** Ours, and no longer in the instance file; key and certificate stay. */
  | { readonly kind: 'remove'; readonly id: string; readonly nickname: string | undefined };

/** Fields by the name a person knows from getcert. */
type FixedField = 'key storage' | 'key database' | 'key nickname' | 'key token' | 'certificate storage' | 'certificate database' | 'certificate nickname' | 'certificate token' | 'PIN';
export type ModifiableField = 'PIN file' | 'nss-user' | 'CA' | 'profile' | 'pre-save command' | 'post-save command' | 'track' | 'auto-renew';
type Field = FixedField | ModifiableField;

const noPin = 'none';

/** A request's fields as they are wanted. The key's real type and size are certmonger's to read: they are sent, never compared. */
function wantedFixed(request: DesiredRequest): Record<FixedField, string> {
  return {
    'key storage': 'NSSDB',
    'key database': request.database,
    'key nickname': request.nickname,
    'key token': request.token,
    'certificate storage': 'NSSDB',
    'certificate database': request.database,
    'certificate nickname': request.nickname,
    'certificate token': request.token,
    PIN: noPin,
  };
}

function wantedModifiable(request: DesiredRequest): Record<ModifiableField, string> {
  return {
    'PIN file': request.pinFile,
    'nss-user': request.nssUser,
    CA: request.ca,
    profile: request.profile,
    'pre-save command': request.preSaveCommand,
    'post-save command': request.postSaveCommand,
    track: 'yes',
    'auto-renew': 'yes',
  };
}

function present({ key, keyStorage, certificateStorage, ...request }: TrackingRequest): Record<FixedField | ModifiableField, string | undefined> {
  return {
    'key storage': keyStorage.type,
    'key database': keyStorage.database,
    'key nickname': keyStorage.nickname,
    'key token': keyStorage.token,
    'certificate storage': certificateStorage.type,
    'certificate database': certificateStorage.database,
    'certificate nickname': certificateStorage.nickname,
    'certificate token': certificateStorage.token,
    PIN: key.pinSet ? 'kept in clear by certmonger' : noPin,
    'PIN file': key.pinFile,
    'nss-user': request.nssUser,
    CA: request.ca,
    profile: request.template.profile,
    'pre-save command': request.preSaveCommand,
    'post-save command': request.postSaveCommand,
    track: request.monitoring ? 'yes' : 'no',
    'auto-renew': request.autorenew ? 'yes' : 'no',
  };
}

/** What makes certmonger's requests the desired ones, in the order of the instance file, removals first. `ids` are those of all its certificates. */
export function planTracking(given: { readonly instance: Pick<Instance, 'name'>; readonly ids: Iterable<string>; readonly desired: readonly DesiredRequest[]; readonly existing: readonly TrackingRequest[] }): Change[] {
  const byId = new Map(given.existing.map((request) => [request.nickname, request]));
  const wanted = new Set(given.ids);
  const removals = given.existing
    .filter((request) => request.ca === given.instance.name && request.nickname.startsWith(`${given.instance.name}.`) && !wanted.has(request.nickname))
    .map((request): Change => ({ kind: 'remove', id: request.nickname, nickname: request.certificateStorage.nickname }));
  return [...removals, ...given.desired.flatMap((request) => changeOf(request, byId.get(request.id)))];
}

function changeOf(request: DesiredRequest, existing: TrackingRequest | undefined): Change[] {
  if (existing === undefined) return [{ kind: 'add', request }];
  const now = present(existing);
  const fixed = differences(wantedFixed(request), now);
  const modifiable = differences(wantedModifiable(request), now);
  if (fixed.length > 0) return [{ kind: 'replace', request, differences: [...fixed, ...modifiable] }];
  return modifiable.length > 0 ? [{ kind: 'modify', request, differences: modifiable }] : [];
}

function differences<F extends FixedField | ModifiableField>(wanted: Record<F, string>, now: Record<F, string | undefined>): Difference[] {
  return (Object.keys(wanted) as F[]).filter((field) => wanted[field] !== now[field]).map((field) => ({ field, now: now[field], wanted: wanted[field] }));
}
