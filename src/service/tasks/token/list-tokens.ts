import { tokenOf } from '../../../config/token-of.js';
import { listTokens as listTokensOf } from '../../../pkcs11/open-token.js';
import type { TokenDescription } from '../../../pkcs11/token.js';
import type { ServiceContext } from '../../context.js';

/** The tokens in the slots of the instance's module, as this user sees them. Needs no login. */
export function listTokens({ instance }: ServiceContext): Promise<TokenDescription[]> {
  return Promise.resolve().then(() => listTokensOf(tokenOf(instance)));
}
