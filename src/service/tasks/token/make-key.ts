import type { KeyPairType } from '../../../pkcs11/objects/key-type.js';
import { nssKeyId } from '../../../pkcs11/objects/nss-key-id.js';
import type { TokenDescription, TokenKey } from '../../../pkcs11/token.js';
import type { ServiceContext } from '../../context.js';

export interface MadeKey {
  readonly token: TokenDescription;
  readonly key: TokenKey;
  /** The CKA_ID NSS looks for, where the key has another. */
  readonly nssId?: Uint8Array;
}

/** Makes a key pair on the token. */
export async function makeKey(
  context: Pick<ServiceContext, 'openToken'>,
  order: { readonly type: KeyPairType; readonly label: string; readonly id?: Uint8Array },
): Promise<MadeKey> {
  const token = await context.openToken({ access: 'write' });
  const key = await token.generateKeyPair(order);
  const nssId = key.spki === undefined ? undefined : nssKeyId(key.spki);
  return { token: token.description, key, ...(nssId === undefined || nssId.equals(key.id) ? {} : { nssId }) };
}
