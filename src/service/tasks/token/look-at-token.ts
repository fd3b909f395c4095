import { tokenOf } from '../../../config/token-of.js';
import { asHsmongerError, type ErrorCode } from '../../../errors.js';
import { listTokens } from '../../../pkcs11/open-token.js';
import type { Token, TokenCertificate, TokenDescription, TokenKey } from '../../../pkcs11/token.js';
import type { ServiceContext } from '../../context.js';
import { proveKeys, type KeyCheck } from './check-keys.js';

/** A failure as data. */
interface Trouble {
  readonly ok: false;
  readonly code: ErrorCode;
  /** A whole sentence. */
  readonly problem: string;
}

/** Every layer of the token by itself, so that one that fails does not hide what the others show. */
export interface TokenLook {
  /** The library can be trusted, loads and initialises. */
  readonly module: { readonly ok: true } | Trouble;
  /** All tokens it shows, initialised or not. */
  readonly tokens: readonly TokenDescription[];
  /** The one the instance file names, without a login. */
  readonly token:
    | {
        readonly ok: true;
        readonly description: TokenDescription;
        readonly certificates: readonly TokenCertificate[];
        readonly mechanisms: readonly string[];
      }
    | Trouble;
  /** The PIN's source, as the service user finds it; the PIN in it is not tried. */
  readonly pin: { readonly ok: true } | Trouble;
  /** Only where it was asked for and the token is there. */
  readonly login?: { readonly ok: true; readonly keys: readonly TokenKey[]; readonly proofs: readonly KeyCheck[] } | Trouble;
}

/** Looks at module, token and PIN source. With `login` the PIN is tried, by the rules of the PIN guard, and every key signs. */
export async function lookAtToken(context: ServiceContext, { login }: { readonly login: boolean }): Promise<TokenLook> {
  const module = attempt(() => listTokens(tokenOf(context.instance)));
  const source = attempt(() => context.readPin().pin.fill(0));
  const pin = source.ok ? { ok: true as const } : source;
  if (!module.ok && module.code.startsWith('MODULE_')) return { module, tokens: [], token: module, pin };
  const tokens = module.ok ? module.value : [];
  try {
    const token = await context.openToken();
    const contents = {
      ok: true as const,
      description: token.description,
      certificates: await token.certificates(),
      mechanisms: await token.mechanisms(),
    };
    return { module: { ok: true }, tokens, token: contents, pin, ...(login ? { login: await loggedIn(token) } : {}) };
  } catch (error) {
    return { module: { ok: true }, tokens, token: troubleOf(error), pin };
  }
}

async function loggedIn(token: Token): Promise<NonNullable<TokenLook['login']>> {
  try {
    const keys = await token.keys('protection');
    return { ok: true, keys, proofs: await proveKeys(token, keys) };
  } catch (error) {
    return troubleOf(error);
  }
}

function attempt<T>(work: () => T): { readonly ok: true; readonly value: T } | Trouble {
  try {
    return { ok: true, value: work() };
  } catch (error) {
    return troubleOf(error);
  }
}

function troubleOf(error: unknown): Trouble {
  const { code, message } = asHsmongerError(error);
  return { ok: false, code, problem: message };
}
