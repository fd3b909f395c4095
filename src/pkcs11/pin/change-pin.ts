import type { PinSource } from '../../config/instance.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { returnValueOf, tokenFailure } from '../ckr.js';
import type { LoginMeans, LoginSite } from './login.js';
import { readPin } from './pin-source.js';

/**
 * Answers after which the old PIN is in force: nothing was changed (PKCS#11 2.40 §5.6, C_SetPIN). Of the new PIN's length and characters a
 * policy decides, the token's own.
 */
const unchanged: Readonly<Record<string, string>> = {
  CKR_PIN_LEN_RANGE: 'it is too short or too long for this token',
  CKR_PIN_INVALID: 'it has characters this token does not take in a PIN',
  CKR_PIN_EXPIRED: 'the old PIN has expired, and this token wants it changed by the security officer',
  CKR_PIN_LOCKED: 'the PIN is locked',
  CKR_PIN_INCORRECT: 'it takes the old PIN for a wrong one',
  CKR_TOKEN_WRITE_PROTECTED: 'the token is write-protected',
  CKR_SESSION_READ_ONLY: 'the token gives sessions for reading alone',
  CKR_FUNCTION_NOT_SUPPORTED: "it lets no user change the PIN through PKCS#11; use the vendor's tool",
  CKR_OPERATION_NOT_INITIALIZED: 'it is not ready for it',
};

/**
 * C_SetPIN while no other process of ours logs in. Both PINs are read there and then: their sources are not what they were for a caller
 * that was killed.
 */
export async function changePin(site: LoginSite, means: LoginMeans, next: PinSource, mayGoOn: () => void): Promise<void> {
  await means.pins.exclusively(site.guardKey, () => {
    const read = (source: PinSource) => readPin(source, means.env, means.reader, (secret) => means.pins.tag(secret)).pin;
    const old = read(means.source);
    try {
      const fresh = read(next);
      try {
        mayGoOn();
        setPin(site, old, fresh);
      } finally {
        fresh.fill(0);
      }
    } finally {
      old.fill(0);
    }
    return Promise.resolve();
  });
}

function setPin({ cryptoki, session, label }: LoginSite, old: Buffer, fresh: Buffer): void {
  try {
    cryptoki.C_SetPIN(session, old.toString('utf8'), fresh.toString('utf8'));
  } catch (error) {
    const answer = returnValueOf(error);
    const why = answer === undefined ? undefined : unchanged[answer];
    if (why !== undefined)
      throw new HsmongerError('PIN_NOT_CHANGED', `Token '${label}' did not take the new PIN (${sentenceOf(error).slice(0, 60)}): ${why}.`, {
        cause: error,
      });
    throw tokenFailure(error, `Changing the PIN of token '${label}'`);
  }
}
