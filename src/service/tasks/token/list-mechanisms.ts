import { tokenOf } from '../../../config/token-of.js';
import { listMechanisms, type TokenMechanisms } from '../../../pkcs11/signing/mechanism-list.js';
import type { ServiceContext } from '../../context.js';

/** The mechanisms of the tokens in the slots of the instance's module. Needs no login. */
export function listTokenMechanisms({ instance }: ServiceContext): Promise<TokenMechanisms[]> {
  return Promise.resolve().then(() => listMechanisms(tokenOf(instance)));
}
