import { writesBehind } from '../../dbus/netscape-type.js';
import type { ErrorCode } from '../errors.js';
import { csrStates, saveFailedStates, savingStates } from './groups.js';
import type { RequestFacts, RequestSeen, SiteFacts } from './facts.js';
import type { LoginProbe, TokenProbe } from './probe.js';

/** Small questions with a name, of which the rows of the table are made. What nobody looked at is no: neither there nor away. */
export type Condition<F> = (facts: F) => boolean;

const minute = 60_000;

export function not<F>(condition: Condition<F>): Condition<F> {
  return (facts) => !condition(facts);
}

// what a probe saw

function present({ probe }: SiteFacts): Extract<TokenProbe, { state: 'present' }> | undefined {
  return probe?.token?.state === 'present' ? probe.token : undefined;
}

function login(facts: SiteFacts): LoginProbe | undefined {
  return present(facts)?.login;
}

function loginCode(facts: SiteFacts): string | undefined {
  const found = login(facts);
  return found === undefined || found.state === 'proven' ? undefined : found.code;
}

export const certmongerAway: Condition<SiteFacts> = ({ certmonger }) => certmonger?.trouble !== undefined;
export const tokenAway: Condition<SiteFacts> = ({ probe }) => probe?.token?.state === 'away';
export const loginProven: Condition<SiteFacts> = (facts) => login(facts)?.state === 'proven';
export const pinLocked: Condition<SiteFacts> = (facts) =>
  !loginProven(facts) && (present(facts)?.pin === 'locked' || loginCode(facts) === 'PIN_LOCKED');
export const pinFinalTry: Condition<SiteFacts> = (facts) =>
  !loginProven(facts) &&
  (loginCode(facts) === 'PIN_FINAL_TRY' || (present(facts)?.pin === 'final-try' && login(facts)?.state !== 'no PIN'));
/** By the token, now or before: this very source. */
export const pinRefused: Condition<SiteFacts> = (facts) => login(facts)?.state === 'refused' && loginCode(facts) !== 'PIN_FINAL_TRY';
export const pinMovedAside: Condition<SiteFacts> = ({ pinMovedTo, ...facts }) =>
  pinMovedTo !== undefined && login(facts)?.state === 'no PIN';
export const pinUnsafe: Condition<SiteFacts> = (facts) => loginCode(facts) === 'PIN_UNSAFE';
export const pinMissing: Condition<SiteFacts> = (facts) => login(facts)?.state === 'no PIN';
/** There is no file, so certmonger too tries nothing. */
export const pinAbsent: Condition<SiteFacts> = (facts) => pinMissing(facts) && loginCode(facts) === 'PIN_SOURCE_MISSING';
export const loginUnanswered: Condition<SiteFacts> = (facts) => login(facts)?.state === 'unanswered';
export const nssUnwritable: Condition<SiteFacts> = ({ probe }) => (probe?.nss?.unwritable.length ?? 0) > 0;
export const helperBroken: Condition<SiteFacts> = ({ probe }) => probe?.helper?.ok === false;
export const directoryDown: Condition<SiteFacts> = ({ probe }) => probe?.directory?.ok === false;
export const caDown: Condition<SiteFacts> = ({ probe }) => probe?.ca?.ok === false;
export const diskFull: Condition<SiteFacts> = ({ probe }) => probe?.disk?.ok === false;
export const directoryUp: Condition<SiteFacts> = ({ probe }) => probe?.directory?.ok === true;
export const caUp: Condition<SiteFacts> = ({ probe }) => probe?.ca?.ok === true;
export const nssWritable: Condition<SiteFacts> = ({ probe }) => probe?.nss?.unwritable.length === 0;
export const diskFine: Condition<SiteFacts> = ({ probe }) => probe?.disk?.ok === true;

// what is seen of the request

export function seen({ request }: RequestFacts): RequestSeen | undefined {
  return request === 'none' ? undefined : request;
}

export const onToken: Condition<RequestFacts> = (facts) => facts.onToken;
export const notOnToken: Condition<RequestFacts> = (facts) => !facts.onToken;
export const missingInStore: Condition<RequestFacts> = ({ inStore }) => inStore === 'none';
export const notTracked: Condition<RequestFacts> = ({ request }) => request === 'none';
export const isStuck: Condition<RequestFacts> = (facts) => seen(facts)?.stuck === true;
export const hasCaError: Condition<RequestFacts> = (facts) => seen(facts)?.caError !== undefined;
export const otherKey: Condition<RequestFacts> = (facts) => seen(facts)?.key === 'other';
/** Of this certificate's key: found on the token, and a signature of it verified. */
export const keyProven: Condition<RequestFacts> = (facts) => loginProven(facts) && present(facts)?.keys[facts.nickname]?.ok === true;
export const keyBroken: Condition<RequestFacts> = (facts) =>
  loginProven(facts) && keyCode(facts) !== undefined && !passingCodes.has(keyCode(facts) ?? '');
export const triedInVain: Condition<RequestFacts> = ({ tries }) => tries >= 3;
export const lockHeld: Condition<RequestFacts> = ({ lockHeldBy }) => lockHeldBy !== undefined;
export const expiryUnknown: Condition<RequestFacts> = (facts) => {
  const request = seen(facts);
  return request !== undefined && request.certificate.notAfter === undefined;
};
export const expired: Condition<RequestFacts> = (facts) => {
  const end = facts.inStore !== undefined && facts.inStore !== 'none' ? facts.inStore.notAfter : seen(facts)?.certificate.notAfter;
  return end !== undefined && end <= facts.now;
};
export const readsAnother: Condition<RequestFacts> = (facts) => {
  const read = seen(facts)?.certificate.notAfter;
  return (
    facts.inStore !== undefined && facts.inStore !== 'none' && read !== undefined && read.getTime() !== facts.inStore.notAfter.getTime()
  );
};

/** A failed saving is seen, or was in the last rounds. */
export const savingFails: Condition<RequestFacts> = (facts) => {
  const status = seen(facts)?.status ?? '';
  return (
    has(saveFailedStates, status) ||
    (has(savingStates, status) && facts.trail.some((past) => has(saveFailedStates, past.status) && past.agoMs < 3 * minute))
  );
};

/**
 * Three times at rest within half an hour and still the old certificate: it is renewed, saved, and another one is read (iterate.c:1309).
 */
export const inCircles: Condition<RequestFacts> = (facts) => {
  const notBefore = seen(facts)?.certificate.notBefore;
  const old = notBefore !== undefined && facts.now.getTime() - notBefore.getTime() > 30 * minute;
  return old && !hasCaError(facts) && facts.trail.filter(({ status, agoMs }) => status === 'MONITORING' && agoMs < 30 * minute).length >= 3;
};

/**
 * The child that makes the certificate request ends without one, and the next is begun 30 seconds later (iterate.c, CM_GENERATING_CSR), for
 * ever. Where one works certmonger passes NEED_CSR in no time, and waits in GENERATING_CSR for as long as the token takes: a slow HSM is
 * not in NEED_CSR twice, nor for long.
 */
export const requestFails: Condition<RequestFacts> = ({ trail }) => {
  const elsewhere = trail.findLastIndex(({ status }) => !has(csrStates, status));
  const waits = trail.slice(elsewhere + 1).filter(({ status, agoMs }) => status === 'NEED_CSR' && agoMs < 10 * minute);
  const last = trail.at(-1);
  return waits.length >= 4 || (last?.status === 'NEED_CSR' && last.agoMs > 3 * minute);
};
export const asksNetscapeType: Condition<RequestFacts> = (facts) => writesBehind(seen(facts)?.netscapeType);

export function longerThan(limitMs: number): Condition<RequestFacts> {
  return ({ forMs }) => forMs !== undefined && forMs > limitMs;
}

// what is remembered

export function lastAnswer(codes: readonly ErrorCode[]): Condition<RequestFacts> {
  return ({ remembered: { outcome } }) => outcome !== undefined && codes.includes(outcome.code);
}

/** The probe is later than the helper's answer: it can tell that the answer's cause is gone. */
export const lookedSince: Condition<RequestFacts> = ({ probe, remembered: { outcome } }) =>
  probe !== undefined && (outcome === undefined || probe.at > outcome.at);
export const anyAnswer: Condition<RequestFacts> = ({ remembered: { outcome } }) => outcome !== undefined;
export const silent: Condition<RequestFacts> = ({ remembered: { silence } }) => silence !== undefined;
export const neverSaved: Condition<RequestFacts> = ({ remembered: { unsaved } }) => unsaved !== undefined;
export const holdsSuperseded: Condition<RequestFacts> = ({ remembered: { superseded } }) => superseded === true;
export const storedByOwner: Condition<RequestFacts> = ({ remembered }) => remembered.storedByOwner === true;
export const savingLeft: Condition<RequestFacts> = ({ remembered: { saving } }) => saving?.left !== undefined;
/** A saving that has not moved for so long is not under way any more. */
export const savingStopped: Condition<RequestFacts> = ({ remembered: { saving } }) =>
  saving !== undefined && saving.left === undefined && saving.stillMs > 5 * minute;

/** A probe that found the key busy or the session gone has not found the key broken. */
const passingCodes: ReadonlySet<string> = new Set(['SESSION_LOST', 'TOKEN_FAILED', 'TOKEN_NOT_FOUND', 'MODULE_FAILED']);

function keyCode(facts: RequestFacts): string | undefined {
  const key = present(facts)?.keys[facts.nickname];
  return key === undefined || key.ok ? undefined : key.code;
}

function has(group: readonly string[], status: string): boolean {
  return group.includes(status);
}
