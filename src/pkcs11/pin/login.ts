import pkcs11js from 'pkcs11js';
import type { PinSource } from '../../config/instance.js';
import { HsmongerError } from '../../errors.js';
import type { Clock } from '../../platform/clock.js';
import { returnValueOf, tokenFailure, calling } from '../ckr.js';
import { userStates, type Cryptoki, type Handle } from '../cryptoki.js';
import { decideLogin } from './pin-guard.js';
import { describePinSource, readPin, type Pin, type PinReader } from './pin-source.js';
import { pinState } from '../slots.js';
import type { PinGuard, PinMemory, PinSourceIdentity } from '../token.js';

export interface LoginSite {
  readonly cryptoki: Cryptoki;
  readonly slot: Handle;
  readonly session: Handle;
  /** For messages. */
  readonly label: string;
  /** What the guard knows the token by. */
  readonly guardKey: string;
}

export interface LoginMeans {
  readonly source: PinSource;
  readonly pins: PinGuard;
  readonly force: boolean;
  /** What is remembered of this source does not count. */
  readonly anew: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly reader: PinReader;
  readonly clock: Clock;
}

/** The token has judged the PIN and the same PIN will be refused again. */
const refusals: ReadonlySet<string> = new Set([
  'CKR_PIN_INCORRECT',
  'CKR_PIN_INVALID',
  'CKR_PIN_LEN_RANGE',
  'CKR_PIN_EXPIRED',
  'CKR_PIN_LOCKED',
]);

/** Some tokens answer a wrong PIN with one of these; then only their flags tell. */
const ambiguous: ReadonlySet<string> = new Set([
  'CKR_GENERAL_ERROR',
  'CKR_FUNCTION_FAILED',
  'CKR_FUNCTION_REJECTED',
  'CKR_ARGUMENTS_BAD',
  'CKR_VENDOR_DEFINED',
]);

/** Logs the user in unless this process is logged in to the token already: a login is shared by all its sessions (PKCS#11 2.40 §5.6). */
export async function logIn(site: LoginSite, means: LoginMeans): Promise<void> {
  if (loggedIn(site)) return;
  await attemptLogin(site, means, pkcs11js.CKU_USER);
}

/** The login that CKA_ALWAYS_AUTHENTICATE wants between C_SignInit and C_Sign (PKCS#11 2.40 §5.6, C_Login). */
export async function logInForOperation(site: LoginSite, means: LoginMeans): Promise<void> {
  await attemptLogin(site, means, pkcs11js.CKU_CONTEXT_SPECIFIC);
}

async function attemptLogin(site: LoginSite, means: LoginMeans, userType: number): Promise<void> {
  await means.pins.exclusively(site.guardKey, (memory) => {
    // Another session of this process may have logged in while we waited.
    if (userType === pkcs11js.CKU_USER && loggedIn(site)) return Promise.resolve();
    const { flags } = tokenInfo(site);
    if ((flags & pkcs11js.CKF_LOGIN_REQUIRED) === 0) return Promise.resolve();
    const pin = readPin(means.source, means.env, means.reader, (secret) => means.pins.tag(secret));
    try {
      const protectedPath = (flags & pkcs11js.CKF_PROTECTED_AUTHENTICATION_PATH) !== 0;
      const facts = {
        pin: pinState(flags),
        protectedPath,
        failure: means.anew ? undefined : memory.failureOf(pin.identity),
        force: means.force,
        now: means.clock(),
      };
      const decision = decideLogin(facts, site.label, describePinSource(means.source));
      if (!decision.attempt) throw new HsmongerError(decision.code, decision.sentence);
      tryOnce(site, userType, pin, memory);
    } finally {
      pin.pin.fill(0);
    }
    return Promise.resolve();
  });
}

function tryOnce(site: LoginSite, userType: number, { pin, identity }: Pin, memory: PinMemory): void {
  memory.trying(identity);
  try {
    site.cryptoki.C_Login(site.session, userType, pin.toString('utf8'));
  } catch (error) {
    remember(site, returnValueOf(error), identity, memory);
    // Proves nothing about the PIN (modules answer it to a wrong one too), but the session is usable.
    if (returnValueOf(error) === 'CKR_USER_ALREADY_LOGGED_IN' && userType === pkcs11js.CKU_USER) return;
    throw tokenFailure(error, `Logging in to token '${site.label}'`);
  }
  memory.succeeded(identity);
}

function remember(site: LoginSite, answer: string | undefined, identity: PinSourceIdentity, memory: PinMemory): void {
  if (answer !== undefined && refusals.has(answer)) memory.failed(identity);
  else if (answer === undefined || !ambiguous.has(answer) || !pinSuspect(site)) memory.notJudged(identity);
}

/** Whether the token, asked again, admits to a failed login; one that does not answer has hardly judged a PIN. */
function pinSuspect(site: LoginSite): boolean {
  try {
    return pinState(site.cryptoki.C_GetTokenInfo(site.slot).flags) !== 'fine';
  } catch {
    return false;
  }
}

function loggedIn({ cryptoki, session, label }: LoginSite): boolean {
  return userStates.includes(calling(`Asking token '${label}' for its session`, () => cryptoki.C_GetSessionInfo(session)).state);
}

function tokenInfo({ cryptoki, slot, label }: LoginSite): { readonly flags: number } {
  return calling(`Asking for the state of token '${label}'`, () => cryptoki.C_GetTokenInfo(slot));
}
