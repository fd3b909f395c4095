import { noNetscapeType, writesBehind } from '../../dbus/netscape-type.js';
import type { TrackingRequest } from '../../dbus/tracking-request.js';
import type { CertificateConfig, Instance } from '../config/instance.js';
import type { DesiredRequest } from './desired.js';
import { isOurPlace, samePlace } from './place.js';

/** One field of a request that is not as it should be; undefined stands for none. */
export interface Difference {
  readonly field: Field;
  readonly now: string | undefined;
  readonly wanted: string | undefined;
}

export type Change =
  | { readonly kind: 'add'; readonly request: DesiredRequest }
  /** Fields certmonger can change in place. `id`: of the request as it is now, which may be another than the wanted one. */
  | { readonly kind: 'modify'; readonly id: string; readonly request: DesiredRequest; readonly differences: readonly Difference[] }
  /** Where key and certificate are kept cannot be changed in place (tdbush.c:3173): `id` is removed and the wanted one added. */
  | { readonly kind: 'replace'; readonly id: string; readonly request: DesiredRequest; readonly differences: readonly Difference[] }
  /** Ours, and no longer in the instance file; key and certificate stay. */
  | { readonly kind: 'remove'; readonly id: string; readonly nickname: string | undefined };

/** Fields by the name a person knows from getcert. */
type FixedField =
  | 'key storage'
  | 'key database'
  | 'key file'
  | 'key nickname'
  | 'key token'
  | 'certificate storage'
  | 'certificate database'
  | 'certificate file'
  | 'certificate nickname'
  | 'certificate token';
export type ModifiableField =
  | 'request id'
  | 'PIN'
  | 'PIN file'
  | 'nss-user'
  | 'CA'
  | 'profile'
  | 'pre-save command'
  | 'post-save command'
  | 'track'
  | 'auto-renew'
  | 'key owner'
  | 'key mode'
  | 'certificate owner'
  | 'certificate mode'
  | 'Netscape certificate type';
export type Field = FixedField | ModifiableField;

/** What is wanted of some fields; the others may be as they are. */
type Wanted<F extends Field> = Partial<Record<F, string | undefined>>;

/** A request's fields as they are wanted. The key's real type and size are certmonger's to read: they are sent, never compared. */
function wantedFixed({ place }: DesiredRequest, now: Readonly<Record<FixedField, string | undefined>>): Wanted<FixedField> {
  switch (place.kind) {
    case 'token':
    case 'internal': {
      const token = (noted: string | undefined) => (place.kind === 'token' ? place.token : noted === undefined ? undefined : place.knownAs);
      return {
        'key storage': 'NSSDB',
        'key database': spelledLike(now['key database'], place.database),
        'key nickname': place.nickname,
        'key token': token(now['key token']),
        'certificate storage': 'NSSDB',
        'certificate database': spelledLike(now['certificate database'], place.database),
        'certificate nickname': place.nickname,
        'certificate token': token(now['certificate token']),
      };
    }
    case 'file':
      return {
        'key storage': 'FILE',
        'key file': spelledLike(now['key file'], place.key),
        'certificate storage': 'FILE',
        'certificate file': spelledLike(now['certificate file'], place.certificate),
      };
  }
}

/**
 * The wanted location, in the words certmonger has for it already: FreeIPA's requests leave out `sql:`, and no request is replaced for
 * that.
 */
function spelledLike(now: string | undefined, wanted: string): string {
  return now !== undefined && samePlace(now, wanted) ? now : wanted;
}

function wantedModifiable(request: DesiredRequest, now: Readonly<Record<ModifiableField, string | undefined>>): Wanted<ModifiableField> {
  return {
    'request id': request.id,
    PIN: undefined,
    'PIN file': request.pinFile,
    'nss-user': request.nssUser,
    CA: request.ca,
    profile: request.profile,
    'pre-save command': request.preSaveCommand,
    'post-save command': request.postSaveCommand,
    track: 'yes',
    'auto-renew': 'yes',
    // Taken from the certificate; what asks for it ends in malloc (netscape-type.ts), and the issuer needs nobody to ask.
    ...(writesBehind(now['Netscape certificate type']) ? { 'Netscape certificate type': noNetscapeType } : {}),
    ...(request.place.kind === 'file' ? wantedOfFiles(request.place) : {}),
  };
}

/** certmonger keeps owner and mode of both files; what the instance file does not say is left as it is. */
function wantedOfFiles({ owner, mode }: { readonly owner?: string; readonly mode?: number }): Wanted<ModifiableField> {
  const octal = modeText(mode);
  return {
    ...(owner === undefined ? {} : { 'certificate owner': owner, 'key owner': owner }),
    ...(octal === undefined ? {} : { 'certificate mode': octal, 'key mode': octal }),
  };
}

function modeText(mode: number | undefined): string | undefined {
  return mode === undefined ? undefined : `0${mode.toString(8)}`;
}

function present({ key, keyStorage, certificateStorage, ...request }: TrackingRequest): Record<Field, string | undefined> {
  return {
    'request id': request.nickname,
    'key storage': keyStorage.type,
    'key database': keyStorage.database,
    'key file': keyStorage.file,
    'key nickname': keyStorage.nickname,
    'key token': keyStorage.token,
    'certificate storage': certificateStorage.type,
    'certificate database': certificateStorage.database,
    'certificate file': certificateStorage.file,
    'certificate nickname': certificateStorage.nickname,
    'certificate token': certificateStorage.token,
    PIN: key.pinSet ? 'kept in clear by certmonger' : undefined,
    'PIN file': key.pinFile,
    'nss-user': request.nssUser,
    CA: request.ca,
    profile: request.template.profile,
    'pre-save command': request.preSaveCommand,
    'post-save command': request.postSaveCommand,
    track: request.monitoring ? 'yes' : 'no',
    'auto-renew': request.autorenew ? 'yes' : 'no',
    'key owner': keyStorage.owner,
    'key mode': modeText(keyStorage.perms),
    'certificate owner': certificateStorage.owner,
    'certificate mode': modeText(certificateStorage.perms),
    'Netscape certificate type': request.template.netscapeType,
  };
}

/** What planTracking decides on; `ids` are those of all certificates of the instance, proven or not. */
export interface PlanInput {
  readonly instance: Pick<Instance, 'name' | 'nss' | 'certificates'>;
  readonly ids: Iterable<string>;
  readonly desired: readonly DesiredRequest[];
  readonly existing: readonly TrackingRequest[];
}

/**
 * What makes certmonger's requests the desired ones, in the order of the instance file, removals first. Each change is about one request
 * and follows from that request alone: what others are does not matter to it.
 */
export function planTracking({ instance, ids, desired, existing }: PlanInput): Change[] {
  const byId = new Map(existing.map((request) => [request.nickname, request]));
  const wanted = new Set(ids);
  const removals = existing
    .filter((request) => request.ca === instance.name && request.nickname.startsWith(`${instance.name}.`) && !wanted.has(request.nickname))
    .map((request): Change => ({ kind: 'remove', id: request.nickname, nickname: request.certificateStorage.nickname }));
  const changes = desired.flatMap((request) => {
    const config = instance.certificates.find(({ nickname }) => nickname === request.nickname);
    return changeOf(request, byId.get(request.id) ?? (config === undefined ? undefined : adoptable(existing, instance, config)));
  });
  // What is taken over under another id is not removed before.
  const taken = new Set(changes.map((change) => (change.kind === 'add' ? undefined : change.id)));
  return [...removals.filter((change) => change.kind === 'add' || !taken.has(change.id)), ...changes];
}

/** A request for the same certificate that goes to our CA under another id, such as FreeIPA's time stamps: certmonger can rename it. */
export function adoptable(
  existing: readonly TrackingRequest[],
  instance: Pick<Instance, 'name' | 'nss'>,
  certificate: Pick<CertificateConfig, 'nickname' | 'storage'>,
): TrackingRequest | undefined {
  return existing.find((request) => isOurCa(instance, request.ca) && isOurPlace(request.certificateStorage, instance, certificate));
}

/** The instance's CA, or one of the two a FreeIPA server has beside it (cainstance.py): they run the same helper. */
export function isOurCa({ name }: Pick<Instance, 'name'>, ca: string | undefined): boolean {
  return ca === name || ca === `${name}-reuse` || ca === `${name}-selfsigned`;
}

function changeOf(request: DesiredRequest, existing: TrackingRequest | undefined): Change[] {
  if (existing === undefined) return [{ kind: 'add', request }];
  const now = present(existing);
  const fixed = differences(wantedFixed(request, now), now);
  const modifiable = differences(wantedModifiable(request, now), now);
  const id = existing.nickname;
  if (fixed.length > 0) return [{ kind: 'replace', id, request, differences: [...fixed, ...modifiable] }];
  return modifiable.length > 0 ? [{ kind: 'modify', id, request, differences: modifiable }] : [];
}

function differences<F extends Field>(wanted: Wanted<F>, now: Readonly<Record<F, string | undefined>>): Difference[] {
  return (Object.keys(wanted) as F[])
    .filter((field) => wanted[field] !== now[field])
    .map((field) => ({ field, now: now[field], wanted: wanted[field] }));
}
