import { setTimeout as sleep } from 'node:timers/promises';
import type { Certmonger } from '../../dbus/certmonger.js';
import type { NewRequest, RequestChanges, RequestSettings } from '../../dbus/request-settings.js';
import { asHsmongerError, HsmongerError, type ErrorCode } from '../errors.js';
import type { DesiredPlace, DesiredRequest } from './desired.js';
import { asksNetscapeType } from './netscape-type.js';
import type { Change, Field, ModifiableField } from './plan.js';
import { createAsker, lookAgain, unseenAtFirst } from './unseen-token.js';

/** What became of one change. */
export interface Step {
  readonly change: Change;
  /** 'stuck': made, and certmonger stopped over it. 'skipped': not tried, because the bus or certmonger had gone. */
  readonly outcome: 'done' | 'stuck' | 'failed' | 'skipped';
  /** certmonger's state of the request afterwards. */
  readonly status?: string;
  /** A sentence, unless it is done. */
  readonly message?: string;
  /** Of the failure. */
  readonly code?: ErrorCode;
}

export interface ApplyOptions {
  /** How long certmonger may take to read key and certificate after a change, milliseconds: a networked HSM is slow. Default 300 000. */
  readonly patienceMs?: number;
  /** Called after each change. */
  readonly onStep?: (step: Step) => void;
}

type Client = Pick<Certmonger, 'addRequest' | 'request'>;

const pollMs = 100;
// Every call after these would fail or hang in the same way.
const hopeless: ReadonlySet<ErrorCode> = new Set(['BUS_UNAVAILABLE', 'BUS_TIMEOUT', 'CERTMONGER_UNAVAILABLE', 'NOT_PERMITTED']);
/** A request on its way to a new key, which must never happen to a tracked one (design rule 1). */
const makingKey = /^(NEED_KEY_PAIR|GENERATING_KEY_PAIR|NEED_KEY_GEN_.*)$/u;

/** Makes the changes one after another; one that fails does not keep the others from being tried. Pre-flight is the caller's duty. */
export async function applyChanges(certmonger: Client, changes: readonly Change[], options: ApplyOptions = {}): Promise<Step[]> {
  const steps: Step[] = [];
  let gone: string | undefined;
  for (const change of changes) {
    const step: Step =
      gone === undefined ? await perform(certmonger, change, options.patienceMs ?? 300_000) : { change, outcome: 'skipped', message: gone };
    if (step.code !== undefined && hopeless.has(step.code)) gone = `Not tried: ${step.message ?? ''}`;
    steps.push(step);
    options.onStep?.(step);
  }
  return steps;
}

/** What a command ends with for these steps alone: 0 all done, 1 one failed or was not tried, 3 certmonger is stuck over one. */
export function exitCodeOf(steps: readonly Pick<Step, 'outcome'>[]): 0 | 1 | 3 {
  if (steps.some(({ outcome }) => outcome === 'failed' || outcome === 'skipped')) return 1;
  return steps.some(({ outcome }) => outcome === 'stuck') ? 3 : 0;
}

async function perform(certmonger: Client, change: Change, patienceMs: number): Promise<Step> {
  let removed = false;
  try {
    switch (change.kind) {
      case 'remove':
        await certmonger.request(change.id).remove();
        return { change, outcome: 'done' };
      case 'modify':
        await refuseMakingKeys(certmonger, change.id);
        await certmonger.request(change.id).modify(
          changesFor(
            change.request,
            change.differences.map(({ field }) => field),
          ),
        );
        return await settled(certmonger, change, change.request.id, patienceMs);
      case 'replace':
        await certmonger.request(change.id).remove();
        removed = true;
        return await track(certmonger, change, patienceMs);
      case 'add':
        return await track(certmonger, change, patienceMs);
    }
  } catch (error) {
    const { code, message } = asHsmongerError(error);
    return {
      change,
      outcome: 'failed',
      code,
      message: removed ? `${message} The request was removed before and is not tracked now: run 'hsmonger track apply' again.` : message,
    };
  }
}

/** Adds it; anew, a few times, where certmonger's child saw no token: nothing of the request was read by then, so nothing is lost. */
async function track(certmonger: Client, change: Extract<Change, { kind: 'add' | 'replace' }>, patienceMs: number): Promise<Step> {
  const { id } = change.request;
  for (let left = lookAgain.times; ; left--) {
    await certmonger.addRequest(newRequest(change.request));
    const step = await settled(certmonger, change, id, patienceMs);
    if (left === 0 || step.status !== unseenAtFirst) return step;
    await certmonger.request(id).remove();
    await sleep(lookAgain.pauseMs);
  }
}

/**
 * Any change has certmonger begin the request anew, and one that waits for leave to make a key then makes it (iterate.c,
 * tdbush.c:3173-3710).
 */
async function refuseMakingKeys(certmonger: Client, id: string): Promise<void> {
  const { status } = await certmonger.request(id).read();
  if (makingKey.test(status))
    throw new HsmongerError(
      'CERTMONGER_REFUSED',
      `The request '${id}' is about to make a new key (${status}), and any change would set it going, so nothing was changed; stop it with: getcert stop-tracking -i '${id}', and look for its key before it is tracked again.`,
    );
}

/**
 * What certmonger's children do with the token right after a change. Changes come one after another: not every token takes many logins at
 * once.
 */
const withToken = /^(NEWLY_ADDED.*|NEED_KEYINFO|READING_KEYINFO|HAVE_KEYINFO|NEED_CSR|GENERATING_CSR)$/u;

/** Waits until certmonger has done what it does with the token: add_request answers "added" for what will be stuck a moment later too. */
async function settled(certmonger: Client, change: Change, id: string, patienceMs: number): Promise<Step> {
  const handle = certmonger.request(id);
  const askedAgain = createAsker(certmonger);
  for (const end = Date.now() + patienceMs; ;) {
    const request = await handle.read();
    const { status, stuck, caError } = request;
    // Taken from the certificate as soon as that is read; add_request knows no such key (tdbush.c).
    if (asksNetscapeType(request)) await handle.omitNetscapeType();
    if (makingKey.test(status)) {
      await handle.remove();
      return {
        change,
        outcome: 'failed',
        status,
        message: `certmonger did not find the key of '${id}' and was about to generate a new one (${status}), so it was told to stop tracking; check the token and its visibility to certmonger, and whether a new key is left there.`,
      };
    }
    if (await askedAgain(request)) continue;
    if (stuck)
      return {
        change,
        outcome: 'stuck',
        status,
        message: `certmonger has '${id}' now, but is stuck in ${status}${caError === undefined ? '' : ` (${caError})`}; see 'hsmonger status'.`,
      };
    if (!withToken.test(status)) return { change, outcome: 'done', status };
    if (Date.now() > end)
      return {
        change,
        outcome: 'stuck',
        status,
        message: `certmonger has '${id}' now, but was still in ${status} after ${String(patienceMs / 1000)} s; is the token answering?`,
      };
    await sleep(pollMs);
  }
}

/** KEY_PIN is never sent: certmonger would keep it in clear and show it to every listener on the bus (design rule 4). */
function newRequest(request: DesiredRequest): RequestSettings<NewRequest> {
  return {
    nickname: request.id,
    ...storageOf(request.place),
    keyType: request.keyType,
    keySize: request.keySize,
    ...(request.pinFile === undefined ? {} : { keyPinFile: request.pinFile }),
    ...(request.nssUser === undefined ? {} : { nssUser: request.nssUser }),
    ca: request.ca,
    profile: request.profile,
    preSaveCommand: request.preSaveCommand,
    postSaveCommand: request.postSaveCommand,
    monitoring: true,
    autorenew: true,
  };
}

function storageOf(
  place: DesiredPlace,
): Pick<NewRequest, 'keyStorage' | 'certificateStorage' | 'keyOwner' | 'keyPerms' | 'certificateOwner' | 'certificatePerms'> {
  switch (place.kind) {
    case 'token':
    case 'internal': {
      const storage = {
        type: 'NSSDB',
        location: place.database,
        nickname: place.nickname,
        ...(place.kind === 'token' ? { token: place.token } : {}),
      } as const;
      return { keyStorage: storage, certificateStorage: storage };
    }
    case 'file':
      return {
        keyStorage: { type: 'FILE', location: place.key },
        certificateStorage: { type: 'FILE', location: place.certificate },
        ...(place.owner === undefined ? {} : { keyOwner: place.owner, certificateOwner: place.owner }),
        ...(place.mode === undefined ? {} : { keyPerms: place.mode, certificatePerms: place.mode }),
      };
  }
}

/** Only what differs; an empty text takes a value away (certmonger 0.79.17, tried). */
function changesFor(request: DesiredRequest, differing: readonly Field[]): RequestSettings<RequestChanges> {
  const { owner, mode } = request.place.kind === 'file' ? request.place : {};
  const pinFile = { keyPinFile: request.pinFile ?? '' };
  const settings: Record<ModifiableField, RequestSettings<RequestChanges>> = {
    // A PIN file, the one it has already too, makes certmonger forget the PIN it keeps; where there is to be none, an empty PIN does.
    PIN: request.pinFile === undefined ? { keyPin: '' } : pinFile,
    'PIN file': pinFile,
    'nss-user': { nssUser: request.nssUser ?? '' },
    CA: { ca: request.ca },
    profile: { profile: request.profile },
    'pre-save command': { preSaveCommand: request.preSaveCommand },
    'post-save command': { postSaveCommand: request.postSaveCommand },
    track: { monitoring: true },
    'auto-renew': { autorenew: true },
    'key owner': owner === undefined ? {} : { keyOwner: owner },
    'key mode': mode === undefined ? {} : { keyPerms: mode },
    'certificate owner': owner === undefined ? {} : { certificateOwner: owner },
    'certificate mode': mode === undefined ? {} : { certificatePerms: mode },
    // Not by modify, which would begin the request anew: `settled` sees to it.
    'Netscape certificate type': {},
    // Whoever made it may never have told the key's size, and a resubmit would make a new key (tdbush.c:3719).
    'request id': { nickname: request.id, keyType: request.keyType, keySize: request.keySize },
  };
  return Object.entries(settings).reduce<RequestSettings<RequestChanges>>(
    (all, [field, setting]) => (differing.includes(field as Field) ? { ...all, ...setting } : all),
    {},
  );
}
