import type { CertificateStorage, Instance, InstanceSite } from '../config/instance.js';
import type { Installation } from '../platform/installation.js';
import { postSaveCommand, preSaveCommand } from './command-lines.js';
import type { StoreFacts } from './facts.js';
import { databaseLocation } from './place.js';
import { requestIds } from '../config/request-id.js';
import { pinPathOf } from '../config/token-of.js';
import { sightings } from './sightings.js';

/** One tracking request as certmonger should have it. */
export interface DesiredRequest {
  readonly id: string;
  readonly nickname: string;
  readonly place: DesiredPlace;
  /** None where the store wants no PIN: certmonger takes one that was not needed for an error (keyiread-n.c:263). */
  readonly pinFile: string | undefined;
  /** None for files. */
  readonly nssUser: string | undefined;
  /** Of the real key: certmonger generates a new one when they differ (tdbush.c:3719). */
  readonly keyType: 'RSA' | 'EC';
  /** Bits. */
  readonly keySize: number;
  /** Nickname. */
  readonly ca: string;
  readonly profile: string;
  readonly preSaveCommand: string;
  readonly postSaveCommand: string;
}

/** Where key and certificate both are, in certmonger's terms; `database` is `sql:` and the directory. */
export type DesiredPlace =
  /** `token`: label, for both stores: without one certmonger looks in other places for each (certmonger keygen-n.c). */
  | { readonly kind: 'token'; readonly database: string; readonly nickname: string; readonly token: string }
  /** No token is sent; `knownAs` is what certmonger notes down once it has read the key (util_internal_token_name). */
  | { readonly kind: 'internal'; readonly database: string; readonly nickname: string; readonly knownAs: string }
  | Extract<CertificateStorage, { readonly kind: 'file' }>;

/**
 * The requests the instance asks for, one for each certificate whose key is where its certificate is. A certificate without one, or whose
 * PIN is in no file, has none: pre-flight refuses it. CONFIG_INVALID when ids collide or a path cannot be said to certmonger.
 */
export function desiredRequests(given: InstanceSite & { readonly installation: Installation }, stores: StoreFacts): DesiredRequest[] {
  const { instance } = given;
  const ids = requestIds(instance);
  return sightings(instance, stores).flatMap(({ nickname, profile, storage, key, keyFacts }) => {
    const id = ids.get(nickname);
    const place = placeOf(instance, storage, nickname, stores);
    if (id === undefined || place === undefined || key === undefined || (keyFacts?.type !== 'RSA' && keyFacts?.type !== 'EC')) return [];
    return [
      {
        id,
        nickname,
        place,
        pinFile: pinFileOf(instance, place, stores),
        nssUser: place.kind === 'file' ? undefined : instance.user,
        keyType: keyFacts.type,
        keySize: keyFacts.bits,
        ca: instance.name,
        profile,
        preSaveCommand: preSaveCommand(given, id),
        postSaveCommand: postSaveCommand(given, id),
      },
    ];
  });
}

function placeOf(instance: Instance, storage: CertificateStorage, nickname: string, { token, nss }: StoreFacts): DesiredPlace | undefined {
  const database = databaseLocation(instance);
  switch (storage.kind) {
    case 'token':
      return token === undefined || pinPathOf(instance.token?.pin) === undefined
        ? undefined
        : { kind: 'token', database, nickname, token: token.description.label };
    case 'internal':
      return nss.internal === undefined ? undefined : { kind: 'internal', database, nickname, knownAs: nss.internalName };
    case 'file':
      return storage;
  }
}

/** Of the store the key is in: certmonger uses one PIN for a request's key and certificate (pin.c:52). */
function pinFileOf({ token, nss }: Instance, { kind }: DesiredPlace, stores: StoreFacts): string | undefined {
  switch (kind) {
    case 'token':
      return pinPathOf(token?.pin);
    case 'internal':
      return stores.nss.internal?.description.loginRequired === true ? nss.passwordFile : undefined;
    case 'file':
      return undefined;
  }
}
