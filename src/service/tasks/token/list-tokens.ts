import { tokenOf } from '../../../config/token-of.js';
import { listTokens as listTokensOf } from '../../../pkcs11/open-token.js';
import type { ListedToken } from '../../../pkcs11/token.js';
import type { ServiceContext } from '../../context.js';

/** The tokens in the slots of the instance's module, as this user sees them. Needs no login. */
export function listTokens({ instance }: ServiceContext): Promise<ListedToken[]> {
  return Promise.resolve().then(() => listTokensOf(tokenOf(instance)));
}
