import { stuckStates, restingState } from '../../../dbus/states.js';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import { keyMakingStates } from '../../diagnosis/groups.js';
import type { Change, ModifiableField } from '../../tracking/plan.js';
import type { Refusal } from '../../tracking/preflight.js';

/** What a change is judged by. */
export interface ChangeFacts {
  /** All of pre-flight's. */
  readonly refusals: readonly Refusal[];
  /** The request the change is about, as it is now. */
  readonly request: Pick<TrackingRequest, 'status'> | undefined;
  /** That its key is another than it was, as a sentence. */
  readonly keyChange: string | undefined;
}

export type Judgement =
  | { readonly verdict: 'do' }
  /** Not while certmonger is at work on it. */
  | { readonly verdict: 'later'; readonly why: string }
  /** Never alone. `why`: a whole sentence. */
  | { readonly verdict: 'report'; readonly why: string };

/** Whether the agent may set a field right: those cost neither key nor request. */
const fields: Readonly<Record<ModifiableField, boolean>> = {
  CA: true,
  profile: true,
  'PIN file': true,
  // certmonger keeps one in clear and shows it on the bus: the sooner it is gone the better.
  PIN: true,
  'nss-user': true,
  'pre-save command': true,
  'post-save command': true,
  track: true,
  'auto-renew': true,
  'key owner': true,
  'key mode': true,
  'certificate owner': true,
  'certificate mode': true,
  'Netscape certificate type': true,
  // Somebody else made it, and unsetup gives back only what setup took over.
  'request id': false,
};

/**
 * What of a plan may be done without a person. Adding and modifying: a request that pre-flight has nothing against, and whose key is the
 * one it was. Never replacing, which leaves no request at all where adding fails, and never removing: a misspelt nickname looks the same.
 */
export function safe(change: Change, facts: ChangeFacts): Judgement {
  switch (change.kind) {
    case 'add':
      return objection(change.request.nickname, facts) ?? { verdict: 'do' };
    case 'modify':
      return (
        objection(change.request.nickname, facts) ??
        notOurs(change) ??
        makingKey(change, facts) ??
        (inPassing(change) || atRest(facts.request)
          ? { verdict: 'do' }
          : {
              verdict: 'later',
              why: `certmonger is at work on '${change.id}' (${facts.request?.status ?? 'gone'}), and a change would begin it anew.`,
            })
      );
    case 'replace':
      return {
        verdict: 'report',
        why: `The request '${change.id}' keeps key or certificate in another place (${change.differences.map(({ field }) => field).join(', ')}), and certmonger can only be given another request for it; look at it, then run 'hsmonger track apply'.`,
      };
    case 'remove':
      return {
        verdict: 'report',
        why: `The request '${change.id}' is of this instance, and its certificate is not in the instance file; look whether that is meant, then run 'hsmonger track apply'.`,
      };
  }
}

function objection(nickname: string, { refusals, keyChange }: ChangeFacts): Judgement | undefined {
  if (keyChange !== undefined) return { verdict: 'report', why: keyChange };
  const refusal = refusals.find((one) => one.nickname === undefined || one.nickname === nickname);
  return refusal === undefined ? undefined : { verdict: 'report', why: `'${nickname}' is not given to certmonger: ${refusal.problem}` };
}

function notOurs({ id, differences }: Extract<Change, { readonly kind: 'modify' }>): Judgement | undefined {
  if (differences.every(({ field }) => fields[field as ModifiableField])) return undefined;
  return {
    verdict: 'report',
    why: `The request '${id}' is somebody else's for a certificate of this instance; 'hsmonger track apply' takes it over.`,
  };
}

/** A change would begin it anew, and that is how the key gets made (design rule 1). */
function makingKey({ id }: Extract<Change, { readonly kind: 'modify' }>, { request }: ChangeFacts): Judgement | undefined {
  if (request === undefined || !(keyMakingStates as readonly string[]).includes(request.status)) return undefined;
  return {
    verdict: 'report',
    why: `certmonger is about to make a new key for '${id}' (${request.status}), and a change would set it going; stop it with: getcert stop-tracking -i '${id}'.`,
  };
}

/** Set without beginning the request anew (apply.ts). */
function inPassing({ differences }: Extract<Change, { readonly kind: 'modify' }>): boolean {
  return differences.every(({ field }) => field === 'Netscape certificate type');
}

/** At rest, or stopped over something: nothing is lost when it begins anew. */
function atRest(request: Pick<TrackingRequest, 'status'> | undefined): boolean {
  return (
    request !== undefined && (request.status === restingState || request.status === 'CA_UNREACHABLE' || stuckStates.has(request.status))
  );
}
