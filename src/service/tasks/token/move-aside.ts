import { movePinAside, type Aside } from '../../../pkcs11/pin/pin-aside.js';
import type { PinSourceIdentity } from '../../../pkcs11/token.js';
import type { ServiceContext } from '../../context.js';

/** Moves the instance's PIN file aside where it lies in a directory of the service user, in which root renames nothing. */
export function moveAside({ instance: { token } }: ServiceContext, { judged }: { readonly judged: PinSourceIdentity }): Promise<Aside> {
  return Promise.resolve(token?.pin.from === 'file' ? movePinAside(token.pin.path, judged) : { result: 'gone' });
}
