import type { TokenConfig } from '../../config/instance.js';
import type { SignatureChoice } from '../../config/signature-algorithm.js';
import type { KeyProbe, LoginProbe, TokenProbe } from '../../diagnosis/probe.js';
import { asHsmongerError, HsmongerError } from '../../errors.js';
import { openToken } from '../../pkcs11/open-token.js';
import { identifyPin } from '../../pkcs11/pin/pin-source.js';
import type { PinGuard, Token } from '../../pkcs11/token.js';
import { findWatched, proveKey, type WatchedKey } from './watched-keys.js';

/**
 * How to look: `sign` with every watched key; `anew` through a freshly initialised module and a login of its own, whatever the session
 * says.
 */
export interface HowToLook {
  readonly sign: boolean;
  readonly anew: boolean;
}

export interface TokenLook {
  readonly probe: TokenProbe;
  /** Made for this look. */
  readonly signatures: number;
}

/** One token as its service user's process sees it, through a session that stays as long as it is good. */
export interface TokenProber {
  look(how: HowToLook): Promise<TokenLook>;
  close(): Promise<void>;
}

export interface TokenProberOptions {
  readonly token: TokenConfig;
  /** Nicknames of the certificates whose keys are watched. */
  readonly nicknames: readonly string[];
  /** The CA among them, and what it signs with. */
  readonly issuer?: SignatureChoice & { readonly certificate: string };
  readonly pins: PinGuard;
  /** The variables a PIN source names. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called after each step that may take its time. */
  readonly onStep: () => void;
}

/** A session whose login is proven. */
interface ProvenSession {
  readonly token: Token;
  readonly source: string;
  pin: Present['pin'];
  readonly keys: Map<string, WatchedKey>;
}

type Present = Extract<TokenProbe, { state: 'present' }>;

/**
 * What an open session notices, tried with SoftHSM 2.6: while the token's directory is away C_GetTokenInfo fails with CKR_GENERAL_ERROR and
 * any attribute of a key with CKR_OBJECT_HANDLE_INVALID, but C_GetSlotList, C_GetSessionInfo, C_OpenSession and C_FindObjects (which finds
 * nothing) answer as ever; once it was noticed the module says so for ever, back or not: only C_Finalize and C_Initialize see it again. A
 * token made anew under the same label, and a key destroyed by others, show in the key's attribute alone. That the PIN was changed by
 * others shows in nothing: C_Sign works, and C_Login in the same process takes the old PIN still. So a look asks token, session and keys;
 * whatever fails is looked at anew from C_Initialize on; and so are, for the PIN's sake, each signing, each change of the PIN's source, and
 * flags that begin to tell of failed logins.
 */
export function createTokenProber({ token: config, nicknames, issuer, pins, env, onStep }: TokenProberOptions): TokenProber {
  let open: ProvenSession | undefined;
  let proofs: Record<string, KeyProbe> = {};

  const close = async () => {
    const closing = open;
    open = undefined;
    // The module's only user in this process: it is finalised with it.
    await closing?.token.close();
  };

  const sourceNow = () =>
    identifyPin(config.pin, { ...process.env, ...env }, { uid: process.geteuid?.() ?? -1, gid: process.getegid?.() ?? -1 }, (secret) =>
      pins.tag(secret),
    );

  /** Through the session that is there; undefined where new eyes are called for. */
  const again = async (eyes: ProvenSession): Promise<TokenProbe | undefined> => {
    const { pin, loginRequired } = await eyes.token.pulse();
    const login = loginRequired ? loginStill(eyes, sourceNow) : ({ state: 'proven', source: '' } as const);
    // Who locks takes the login away too: it would go on as long as this process.
    if (login === undefined || (login.state === 'no PIN' && config.pin.from === 'unlocked') || (pin !== eyes.pin && pin !== 'fine'))
      return undefined;
    eyes.pin = pin;
    for (const { key } of eyes.keys.values()) await eyes.token.confirm(key);
    return { state: 'present', pin, login, keys: { ...proofs, ...(await missingStill(eyes)) } };
  };

  /** Keys that were not there may be by now. */
  const missingStill = async ({ token, keys }: ProvenSession): Promise<Record<string, KeyProbe>> => {
    const missing = nicknames.filter((nickname) => !keys.has(nickname));
    if (missing.length === 0) return {};
    const { found, problems } = await findWatched(token, missing);
    for (const [nickname, key] of found) {
      keys.set(nickname, key);
      proofs = { ...proofs, [nickname]: { ok: true } };
    }
    return problems;
  };

  const afresh = async ({ sign }: HowToLook): Promise<TokenLook> => {
    const token = await openToken(config, { pins, env: { ...process.env, ...env } }).catch(asHsmongerError);
    if (token instanceof HsmongerError) return { probe: { state: 'away', code: token.code, problem: token.message }, signatures: 0 };
    onStep();
    let keep = false;
    try {
      const login = token.description.loginRequired ? await logIn(token, sourceNow) : ({ state: 'proven', source: '' } as const);
      onStep();
      if (login.state === 'away') return { probe: login, signatures: 0 };
      const { pin } = await token.pulse().catch(() => token.description);
      if (login.state !== 'proven') return { probe: { state: 'present', pin, login, keys: {} }, signatures: 0 };
      const { found, problems } = await findWatched(token, nicknames);
      onStep();
      const signed: Record<string, KeyProbe> = {};
      for (const [nickname, key] of sign ? found : []) {
        signed[nickname] = await proveKey(token, key, nickname === issuer?.certificate ? issuer : {});
        onStep();
      }
      // Of an earlier session's proofs those stand that were good and whose key is here.
      const proof = (nickname: string): KeyProbe => signed[nickname] ?? (proofs[nickname]?.ok === true ? proofs[nickname] : { ok: true });
      proofs = { ...Object.fromEntries([...found.keys()].map((nickname) => [nickname, proof(nickname)])), ...problems };
      open = { token, source: login.source, pin, keys: found };
      keep = !Object.values(proofs).some((proof) => !proof.ok && !proof.code.startsWith('KEY_') && proof.code !== 'CERTIFICATE_NOT_FOUND');
      return { probe: { state: 'present', pin, login, keys: proofs }, signatures: Object.values(signed).filter(({ ok }) => ok).length };
    } finally {
      if (!keep) {
        open = undefined;
        await token.close();
      }
    }
  };

  return {
    async look(how) {
      const fresh = how.anew || how.sign || open === undefined;
      // Whatever it is, new eyes tell whether it lasts.
      const probe = fresh || open === undefined ? undefined : await again(open).catch(() => undefined);
      // Locked away, or being replaced: without its PIN nothing of ours stays logged in.
      if (probe?.state === 'present' && probe.login.state === 'no PIN') await close();
      if (probe !== undefined) return { probe, signatures: 0 };
      await close();
      return afresh(how);
    },
    close,
  };
}

/** What the PIN's source says of a login that stands; undefined where it is another one now and has to be proven. */
function loginStill({ source }: Pick<ProvenSession, 'source'>, sourceNow: () => string): LoginProbe | undefined {
  try {
    return sourceNow() === source ? { state: 'proven', source } : undefined;
  } catch (error) {
    const { code, message } = asHsmongerError(error);
    return { state: 'no PIN', code, problem: message };
  }
}

async function logIn(token: Token, sourceNow: () => string): Promise<LoginProbe | Extract<TokenProbe, { state: 'away' }>> {
  // Before the attempt: of a source replaced meanwhile nothing is claimed but what the next look will find to be another.
  let source: string | undefined;
  try {
    source = sourceNow();
    await token.login();
    return { state: 'proven', source };
  } catch (error) {
    const { code, message: problem } = asHsmongerError(error);
    if (code === 'TOKEN_NOT_FOUND') return { state: 'away', code, problem };
    if (source === undefined || code === 'PIN_SOURCE_MISSING' || code === 'PIN_SOURCE_INVALID' || code === 'PIN_UNSAFE')
      return { state: 'no PIN', code, problem };
    if (code === 'PIN_UNANSWERED' || !code.startsWith('PIN_')) return { state: 'unanswered', code, problem };
    return { state: 'refused', source, code, problem };
  }
}
