import type { TokenCertificate, TokenDescription, TokenKey, TokenPublicKey } from '../../../pkcs11/token.js';
import type { ServiceContext } from '../../context.js';

export interface TokenObjects {
  readonly description: TokenDescription;
  readonly keys: readonly TokenKey[];
  readonly publicKeys: readonly TokenPublicKey[];
  readonly certificates: readonly TokenCertificate[];
}

/** Keys and certificates; logs in only to see the keys. */
export async function listObjects(context: Pick<ServiceContext, 'openToken'>, { keys }: { readonly keys: boolean }): Promise<TokenObjects> {
  const token = await context.openToken();
  return {
    description: token.description,
    keys: keys ? await token.keys() : [],
    publicKeys: keys ? await token.publicKeys() : [],
    certificates: await token.certificates(),
  };
}
