import type { ErrorCode } from '../errors.js';
import type { PinFailure, TokenDescription } from './token.js';

export interface LoginFacts {
  /** From the token's flags, read while no other process of ours logs in. */
  readonly pin: TokenDescription['pin'];
  /** CKF_PROTECTED_AUTHENTICATION_PATH: the PIN is typed on the device. */
  readonly protectedPath: boolean;
  /** What is remembered of this very PIN source. */
  readonly failure: PinFailure | undefined;
  /** The administrator takes the risk of the last attempt. */
  readonly force: boolean;
}

export type LoginDecision = { readonly attempt: true } | { readonly attempt: false; readonly code: ErrorCode; readonly sentence: string };

/**
 * Whether a login may be tried (design rule 4). A source whose attempt ended unknown, because its process died, has one more; a source
 * that failed has none, and force does not change that. `token` and `source` are the words for messages.
 */
export function decideLogin(facts: LoginFacts, token: string, source: string): LoginDecision {
  const { failure } = facts;
  if (facts.protectedPath) return refuse('PIN_SOURCE_INVALID', `Token '${token}' wants its PIN typed on the device itself, so nobody can renew certificates with it unattended; configure it to take the PIN from the host.`);
  if (facts.pin === 'locked') return refuse('PIN_LOCKED', `The PIN of token '${token}' is locked; unlock it as security officer (vendor's tool, or pkcs11-tool --init-pin), then write the ${source} anew.`);
  if (failure?.outcome === 'failed') {
    return refuse('PIN_KNOWN_BAD', `Token '${token}' refused the PIN in the ${source} at ${failure.at.toISOString()}, and it has not changed since; it is not tried again, so that the token does not lock. Write the right PIN into it.`);
  }
  if (failure !== undefined && failure.attempts > 1) {
    return refuse('PIN_KNOWN_BAD', `Twice a login to token '${token}' with the ${source} ended without an answer, last at ${failure.at.toISOString()}; it is not tried again until it changes. If the PIN is right, write it anew.`);
  }
  if (facts.pin === 'final-try' && !facts.force) {
    return refuse('PIN_FINAL_TRY', `Token '${token}' has one login attempt left before it locks; check the PIN in the ${source}, and use it up with 'hsmonger token check --force', or log in once with the vendor's tool.`);
  }
  return { attempt: true };
}

function refuse(code: ErrorCode, sentence: string): LoginDecision {
  return { attempt: false, code, sentence };
}
