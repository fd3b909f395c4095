import type { TokenCertificate, TokenDescription, TokenKey } from '../../../pkcs11/token.js';
import type { ServiceContext } from '../../context.js';

/** What is on the token. `keys` only when a login was asked for. */
export interface TokenContents {
  readonly description: TokenDescription;
  readonly certificates: readonly TokenCertificate[];
  readonly keys: readonly TokenKey[];
  readonly mechanisms: readonly string[];
}

/** Reads the token's contents; logs in (by the rules of the PIN guard) only to see the private keys. */
export async function inspectToken(context: ServiceContext, { keys }: { readonly keys: boolean }): Promise<TokenContents> {
  const token = await context.openToken();
  return {
    description: token.description,
    certificates: await token.certificates(),
    keys: keys ? await token.keys() : [],
    mechanisms: await token.mechanisms(),
  };
}
