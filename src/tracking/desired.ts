import type { Directories, Instance } from '../config/instance.js';
import { HsmongerError } from '../errors.js';
import type { Installation } from '../platform/installation.js';
import { postSaveCommand, preSaveCommand } from './command-lines.js';
import type { TokenFacts } from './facts.js';
import { databaseLocation } from './place.js';
import { requestIds } from '../config/request-id.js';
import { sightings } from './sightings.js';

/** One tracking request as certmonger should have it. */
export interface DesiredRequest {
  readonly id: string;
  readonly nickname: string;
  /** `sql:` and the directory. */
  readonly database: string;
  /** Label of the token: of key and certificate both, for without one certmonger looks in other places for each (certmonger keygen-n.c). */
  readonly token: string;
  readonly pinFile: string;
  readonly nssUser: string;
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

/**
 * The requests the instance asks for, one for each certificate whose key is on the token. A certificate without one has none: pre-flight
 * refuses it. CONFIG_INVALID when ids collide or a path cannot be said to certmonger, PIN_SOURCE_INVALID when the PIN is in no file.
 */
export function desiredRequests(given: { readonly instance: Instance; readonly directories: Directories; readonly installation: Installation }, token: Pick<TokenFacts, 'description' | 'certificates' | 'keys'>): DesiredRequest[] {
  const { instance } = given;
  const ids = requestIds(instance);
  return sightings(instance, token).flatMap(({ nickname, profile, key, keyFacts }) => {
    const id = ids.get(nickname);
    if (id === undefined || key === undefined || keyFacts === undefined || (keyFacts.type !== 'RSA' && keyFacts.type !== 'EC')) return [];
    return [
      {
        id,
        nickname,
        database: databaseLocation(instance),
        token: token.description.label,
        pinFile: pinFileOf(instance),
        nssUser: instance.user,
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

function pinFileOf({ name, token: { pin } }: Instance): string {
  if (pin.from === 'file') return pin.path;
  throw new HsmongerError('PIN_SOURCE_INVALID', `Instance '${name}' cannot be tracked: certmonger reads a PIN from a file only; name one as 'token.pin-file'.`);
}
