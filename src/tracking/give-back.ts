import type { KnownCa } from '../../dbus/known-ca.js';
import type { RequestChanges, RequestSettings } from '../../dbus/request-settings.js';
import type { TrackingRequest } from '../../dbus/tracking-request.js';
import type { RememberedRequest, TakenOver } from './taken-over.js';

/** A request to be given back: its id now, the one it had, and what has to change. */
export interface ReturnedRequest {
  readonly id: string;
  readonly to: string;
  readonly settings: RequestSettings<RequestChanges>;
}

/** A CA to be given back: the helper it had, none where certmonger did not know it. */
export interface ReturnedCa {
  readonly nickname: string;
  readonly helper: string | undefined;
}

export interface GiveBackPlan {
  readonly requests: readonly ReturnedRequest[];
  /** Sentences: what cannot be as it was, and why. */
  readonly notes: readonly string[];
  /** PIN files that requests given back name. */
  readonly neededPinFiles: readonly string[];
}

/** What makes certmonger's requests those that were remembered; what is so already needs nothing. */
export function planGiveBack(memory: Pick<TakenOver, 'requests'>, existing: readonly TrackingRequest[]): GiveBackPlan {
  const requests: ReturnedRequest[] = [];
  const notes: string[] = [];
  const needed = new Set<string>();
  for (const before of memory.requests) {
    const now = existing.find(({ nickname }) => nickname === before.ours) ?? existing.find(({ nickname }) => nickname === before.id);
    if (now === undefined) {
      notes.push(
        `Request '${before.id}' is gone from certmonger since it was taken over (its id was '${before.ours}'), so it is not given back; FreeIPA's own tools may have tracked its certificate anew.`,
      );
      continue;
    }
    const settings = settingsFor(before, now);
    if (Object.keys(settings).length > 0) requests.push({ id: now.nickname, to: before.id, settings });
    if (before.keyToken !== now.keyStorage.token || before.certificateToken !== now.certificateStorage.token) {
      notes.push(
        `Request '${before.id}' looked for its key on ${tokenText(before.keyToken)}, where certmonger could not use it; it keeps ${tokenText(now.keyStorage.token)}, for certmonger generates a new key where it does not find one.`,
      );
    }
    const pinFile = keepsOurPinFile(before, now) ? now.key.pinFile : before.pinFile;
    if (pinFile !== undefined) needed.add(pinFile);
    if (keepsOurPinFile(before, now) && now.key.pinFile !== undefined) {
      notes.push(
        `Request '${before.id}' keeps the PIN file ${now.key.pinFile}: certmonger forgot the PIN it kept in clear when it was given the file, and a PIN is not sent over the bus, where every listener hears it.`,
      );
    }
  }
  return { requests, notes, neededPinFiles: [...needed] };
}

/** The same for its CAs. */
export function planReturnOfCas(
  memory: Pick<TakenOver, 'cas'>,
  cas: readonly Pick<KnownCa, 'nickname' | 'externalHelper'>[],
): ReturnedCa[] {
  return memory.cas.flatMap(({ nickname, helper }) => {
    const now = cas.find((ca) => ca.nickname === nickname);
    return now === undefined || now.externalHelper === helper ? [] : [{ nickname, helper }];
  });
}

/**
 * certmonger's own PIN is gone for good once it was given a file (tried with 0.79.17: Set and modify of KEY_PIN_FILE both clear KEY_PIN).
 */
function keepsOurPinFile(before: RememberedRequest, now: TrackingRequest): boolean {
  return before.pinSet && before.pinFile === undefined && !now.key.pinSet;
}

/** Only what differs; an empty text takes a value away. */
function settingsFor(before: RememberedRequest, now: TrackingRequest): RequestSettings<RequestChanges> {
  const pinFile = keepsOurPinFile(before, now) ? now.key.pinFile : before.pinFile;
  return {
    ...(before.id === now.nickname ? {} : { nickname: before.id }),
    // A request without a CA cannot be made again in place.
    ...(before.ca === now.ca || before.ca === undefined ? {} : { ca: before.ca }),
    ...(before.profile === now.template.profile ? {} : { profile: before.profile ?? '' }),
    ...(before.preSaveCommand === now.preSaveCommand ? {} : { preSaveCommand: before.preSaveCommand ?? '' }),
    ...(before.postSaveCommand === now.postSaveCommand ? {} : { postSaveCommand: before.postSaveCommand ?? '' }),
    ...(before.nssUser === now.nssUser ? {} : { nssUser: before.nssUser ?? '' }),
    ...(pinFile === now.key.pinFile ? {} : { keyPinFile: pinFile ?? '' }),
    ...(before.monitoring === now.monitoring ? {} : { monitoring: before.monitoring }),
    ...(before.autorenew === now.autorenew ? {} : { autorenew: before.autorenew }),
  };
}

function tokenText(token: string | undefined): string {
  return token === undefined ? 'no token' : `token '${token}'`;
}
