import { statSync } from 'node:fs';
import { readPin } from '../../pkcs11/pin/pin-source.js';
import type { Account } from '../../platform/service-user.js';

/**
 * What a PIN file says, read as root by the rules of every PIN file: its owner is root or the service user, and nobody else can read it. To
 * be wiped. PIN_ codes.
 */
export function pinIn(file: string, account: Pick<Account, 'uid' | 'gid'>): Buffer {
  const its = statSync(file, { throwIfNoEntry: false })?.uid === account.uid;
  return readPin({ from: 'file', path: file }, {}, its ? account : { uid: 0, gid: 0 }, () => '').pin;
}
