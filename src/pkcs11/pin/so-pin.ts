import pkcs11js from 'pkcs11js';
import { HsmongerError } from '../../errors.js';
import type { LoginMeans, LoginSite } from './login.js';
import { returnValueOf } from '../ckr.js';
import { decideLogin } from './pin-guard.js';
import { describePinSource, readPin } from './pin-source.js';
import type { TokenDescription } from '../token.js';

/**
 * What the flags of CK_TOKEN_INFO say of the security officer's PIN, the worst first. A blank token has none yet, and SoftHSM calls that
 * locked.
 */
function soPinState(flags: number): TokenDescription['pin'] {
  if ((flags & pkcs11js.CKF_TOKEN_INITIALIZED) === 0) return 'fine';
  if ((flags & pkcs11js.CKF_SO_PIN_LOCKED) !== 0) return 'locked';
  if ((flags & pkcs11js.CKF_SO_PIN_FINAL_TRY) !== 0) return 'final-try';
  return (flags & pkcs11js.CKF_SO_PIN_COUNT_LOW) !== 0 ? 'count-low' : 'fine';
}

const refusals: ReadonlySet<string | undefined> = new Set([
  'CKR_PIN_INCORRECT',
  'CKR_PIN_INVALID',
  'CKR_PIN_LEN_RANGE',
  'CKR_PIN_EXPIRED',
  'CKR_PIN_LOCKED',
]);

/** Proving the user's PIN, as for a login, would not help, and might spend that one's last attempt too. */
function lastTry(token: string, source: string): string {
  return `The security officer has one attempt left on token '${token}' before the PIN locks for good; check the PIN in the ${source}, and use the attempt up with --force, or with the vendor's tool.`;
}

/**
 * One use of the security officer's PIN by the rules of every PIN (design rule 4), remembered under a name of its own. `use` gets it as
 * PKCS#11 wants it. What a locked one means is said here: nobody can unlock it.
 */
export async function withSoPin(
  site: Pick<LoginSite, 'cryptoki' | 'slot' | 'label' | 'guardKey'>,
  means: LoginMeans,
  use: (pin: string) => void,
): Promise<void> {
  await means.pins.exclusively(`${site.guardKey}\nsecurity officer`, (memory) => {
    const { flags } = site.cryptoki.C_GetTokenInfo(site.slot);
    const state = soPinState(flags);
    if (state === 'locked')
      throw new HsmongerError(
        'PIN_LOCKED',
        `The security officer's PIN of token '${site.label}' is locked; the token must be reset with the vendor's tool, and loses all that is on it.`,
      );
    if ((flags & pkcs11js.CKF_PROTECTED_AUTHENTICATION_PATH) !== 0)
      throw new HsmongerError(
        'PIN_SOURCE_INVALID',
        `Token '${site.label}' wants its PINs typed on the device itself; initialise it with the vendor's tool, or configure it to take PINs from the host.`,
      );
    const { pin, identity } = readPin(means.source, means.env, means.reader, (secret) => means.pins.tag(secret));
    try {
      const facts = {
        pin: state,
        protectedPath: false,
        failure: memory.failureOf(identity),
        force: means.force,
        now: means.clock(),
      };
      const source = `security officer's ${describePinSource(means.source)}`;
      const decision = decideLogin(facts, site.label, source);
      if (!decision.attempt)
        throw new HsmongerError(decision.code, decision.code === 'PIN_FINAL_TRY' ? lastTry(site.label, source) : decision.sentence);
      memory.trying(identity);
      try {
        use(pin.toString('utf8'));
      } catch (error) {
        if (refusals.has(returnValueOf(error))) memory.failed(identity);
        else if (soPinState(site.cryptoki.C_GetTokenInfo(site.slot).flags) === 'fine') memory.notJudged(identity);
        throw error;
      }
      memory.succeeded(identity);
    } finally {
      pin.fill(0);
    }
    return Promise.resolve();
  });
}
