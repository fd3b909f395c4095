import type { KnownCa } from '../../dbus/known-ca.js';
import type { TrackingRequest } from '../../dbus/tracking-request.js';
import type { RememberedCa, RememberedRequest, TakenOver } from './taken-over.js';
import type { Change, Difference } from './plan.js';

/** Nothing taken over. */
export const nothingTaken: TakenOver = { cas: [], requests: [], pinFiles: [] };

/** What is about to change. */
export interface Taking {
  readonly changes: readonly Change[];
  readonly existing: readonly TrackingRequest[];
  /** The helper each CA is to have. */
  readonly helpers: readonly { readonly nickname: string; readonly command: string }[];
  readonly cas: readonly Pick<KnownCa, 'nickname' | 'externalHelper'>[];
  readonly pinFiles: readonly string[];
}

/**
 * The memory with what is others' now and will be ours. What a run that was interrupted remembered stays: what it changed already is not
 * what was there before. A request or helper that came anew since, as ipa-server-upgrade makes them, takes the place of the old one.
 */
export function withTaken(memory: TakenOver, taking: Taking): TakenOver {
  const requests = new Map(memory.requests.map((request) => [request.ours, request]));
  for (const change of taking.changes) {
    if (change.kind !== 'modify' && change.kind !== 'replace') continue;
    const { id, request } = change;
    const before = taking.existing.find(({ nickname }) => nickname === id);
    if (id === request.id || before === undefined || requests.get(request.id)?.id === id) continue;
    requests.set(request.id, remembered(before, request.id));
  }
  const cas = new Map(memory.cas.map((ca) => [ca.nickname, ca]));
  for (const { nickname, command } of taking.helpers) {
    const now = taking.cas.find((ca) => ca.nickname === nickname);
    if (now?.externalHelper === command || (now === undefined && cas.has(nickname))) continue;
    cas.set(nickname, rememberedCa(nickname, now?.externalHelper));
  }
  return { cas: [...cas.values()], requests: [...requests.values()], pinFiles: [...new Set([...memory.pinFiles, ...taking.pinFiles])] };
}

function rememberedCa(nickname: string, helper: string | undefined): RememberedCa {
  return { nickname, ...(helper === undefined ? {} : { helper }) };
}

function remembered(request: TrackingRequest, ours: string): RememberedRequest {
  const { nickname, ca, template, preSaveCommand, postSaveCommand, nssUser, key, monitoring, autorenew, keyStorage, certificateStorage } =
    request;
  return {
    id: nickname,
    ours,
    ca,
    profile: template.profile,
    preSaveCommand,
    postSaveCommand,
    nssUser,
    pinFile: key.pinFile,
    pinSet: key.pinSet,
    monitoring,
    autorenew,
    keyToken: keyStorage.token,
    certificateToken: certificateStorage.token,
    whole: request,
  };
}

/** certmonger rests, or waits for somebody: nobody's renewal is under way. */
const resting = /^(MONITORING|CA_REJECTED|CA_UNCONFIGURED|NEED_CA|NEED_GUIDANCE|NEWLY_ADDED_NEED_KEYINFO_READ_(PIN|TOKEN))$/u;

/**
 * The changes without those that would turn a renewal that is under way into another one: ipa-cacert-manage and ipa-certupdate send
 * a request to one of the two other CAs, and to none but that one may its cookie come back; they set CA and profile right afterwards.
 */
export function leavingBusy(changes: readonly Change[], existing: readonly TrackingRequest[], instance: string): Change[] {
  return changes.flatMap((change): Change[] => {
    if (change.kind !== 'modify') return [change];
    const request = existing.find(({ nickname }) => nickname === change.id);
    if (request === undefined || request.ca === instance || resting.test(request.status)) return [change];
    const differences = change.differences.filter(({ field }: Difference) => field !== 'CA' && field !== 'profile');
    return differences.length === 0 ? [] : [{ ...change, differences }];
  });
}
