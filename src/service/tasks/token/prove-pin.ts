import type { TokenDescription } from '../../../pkcs11/token.js';
import type { ServiceContext } from '../../context.js';

export interface ProofOptions {
  /** Spends the last attempt before the token locks. */
  readonly force: boolean;
  /** The token's PIN has become this one since it was refused. */
  readonly anew: boolean;
}

/** Logs in once with the instance's PIN, by the rules of the PIN guard, and gives the token that took it. PIN_ codes otherwise. */
export async function provePin(context: ServiceContext, options: ProofOptions): Promise<TokenDescription> {
  const token = await context.openToken(options);
  await token.login();
  return token.description;
}
