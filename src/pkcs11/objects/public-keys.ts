import pkcs11js from 'pkcs11js';
import type { Handle } from '../cryptoki.js';
import { keyTypeOf, sizeOf, valueOf, type Shelf } from './keys.js';
import { attribute, findObjects } from './objects.js';
import { spkiOf } from './public-value.js';
import type { TokenPublicKey } from '../token.js';

export interface PublicKeyObject {
  readonly handle: Handle;
  readonly key: TokenPublicKey;
}

/** The public key objects a session sees. */
export function publicKeys(shelf: Shelf): PublicKeyObject[] {
  return findObjects(shelf.cryptoki, shelf.session, [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PUBLIC_KEY }]).map((handle) => {
    const read = (type: number) => attribute(shelf.cryptoki, shelf.session, handle, type);
    const curve = read(pkcs11js.CKA_EC_PARAMS);
    const type = keyTypeOf(read(pkcs11js.CKA_KEY_TYPE), curve);
    const value = type === 'other' ? undefined : valueOf(shelf, handle, type);
    const spki = value === undefined ? undefined : spkiOf(value);
    return {
      handle,
      key: {
        id: new Uint8Array(read(pkcs11js.CKA_ID) ?? []),
        label: read(pkcs11js.CKA_LABEL)?.toString('utf8') ?? '',
        type,
        size: sizeOf(type, type === 'RSA' ? read(pkcs11js.CKA_MODULUS) : undefined, curve),
        ...(spki === undefined ? {} : { spki }),
      },
    };
  });
}
