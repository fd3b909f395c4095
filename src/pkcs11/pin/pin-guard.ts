import type { ErrorCode } from '../../errors.js';
import type { PinFailure, TokenDescription } from '../token.js';

export interface LoginFacts {
  /** From the token's flags, read while no other process of ours logs in. */
  readonly pin: TokenDescription['pin'];
  /** CKF_PROTECTED_AUTHENTICATION_PATH: the PIN is typed on the device. */
  readonly protectedPath: boolean;
  /** What is remembered of this very PIN source. */
  readonly failure: PinFailure | undefined;
  /** The administrator takes the risk of the last attempt. */
  readonly force: boolean;
  readonly now: Date;
}

export type LoginDecision = { readonly attempt: true } | { readonly attempt: false; readonly code: ErrorCode; readonly sentence: string };

/**
 * An attempt without an answer may have been judged. Where the token keeps its flags they tell; where it keeps none, two attempts within
 * an hour cannot lock a token that locks at three, and an HSM that hung is asked again once it is back.
 */
const pauseMs = { afterFirst: 60_000, afterMore: 3_600_000 };

/**
 * Whether a login may be tried (design rule 4). A source that failed has no further attempt, and force does not change that; nor has one
 * whose attempt ended unknown, because its process died, while the token says that a login has failed. Else it is tried again after a
 * pause. `token` and `source` are the words for messages.
 */
export function decideLogin(facts: LoginFacts, token: string, source: string): LoginDecision {
  const { failure } = facts;
  if (facts.protectedPath)
    return refuse(
      'PIN_SOURCE_INVALID',
      `Token '${token}' wants its PIN typed on the device itself, so nobody can renew certificates with it unattended; configure it to take the PIN from the host.`,
    );
  if (facts.pin === 'locked')
    return refuse(
      'PIN_LOCKED',
      `The PIN of token '${token}' is locked; unlock it as security officer (vendor's tool, or pkcs11-tool --init-pin), then write the ${source} anew.`,
    );
  if (failure?.outcome === 'failed') {
    return refuse(
      'PIN_KNOWN_BAD',
      `Token '${token}' refused the PIN in the ${source} at ${failure.at.toISOString()}, and it has not changed since; it is not tried again, so that the token does not lock. Write the right PIN into it.`,
    );
  }
  if (failure !== undefined && facts.pin !== 'fine') {
    return refuse(
      'PIN_KNOWN_BAD',
      `A login to token '${token}' with the ${source} gave no answer at ${failure.at.toISOString()}, and the token says that one has failed; it is not tried again until it changes. If the PIN is right, write it anew.`,
    );
  }
  if (failure !== undefined) {
    const due = new Date(failure.at.getTime() + (failure.attempts > 1 ? pauseMs.afterMore : pauseMs.afterFirst));
    // A clock that was set back must not make the pause longer.
    if (failure.at <= facts.now && facts.now < due) {
      return refuse(
        'PIN_UNANSWERED',
        `A login to token '${token}' with the ${source} gave no answer at ${failure.at.toISOString()}; tried again at ${due.toISOString()}, or once the PIN is written anew. Check that the HSM is up.`,
      );
    }
  }
  if (facts.pin === 'final-try' && !facts.force) {
    return refuse(
      'PIN_FINAL_TRY',
      `Token '${token}' has one login attempt left before it locks; check the PIN in the ${source}, and use it up with 'hsmonger token check --force', or log in once with the vendor's tool.`,
    );
  }
  return { attempt: true };
}

function refuse(code: ErrorCode, sentence: string): LoginDecision {
  return { attempt: false, code, sentence };
}
