import { tokenOf } from '../../../config/token-of.js';
import type { NewToken } from '../../../pkcs11/choose-slot.js';
import { initToken, planToken } from '../../../pkcs11/init-token.js';
import type { TokenDescription } from '../../../pkcs11/token.js';
import type { ServiceContext } from '../../context.js';

/** Where a new token would be made; changes nothing. */
export function planNewToken({ instance }: ServiceContext, wanted: NewToken): Promise<TokenDescription> {
  return planToken(tokenOf(instance), wanted);
}

interface NewTokenOrder {
  readonly label: string;
  readonly instead: TokenDescription;
  /** Absolute path. */
  readonly soPinFile: string;
  /** Spends the security officer's last attempt. */
  readonly force: boolean;
}

/** Makes it, in the slot that was planned. */
export function makeToken(
  { instance, initMeans }: ServiceContext,
  { label, instead, soPinFile, force }: NewTokenOrder,
): Promise<TokenDescription> {
  const config = tokenOf(instance);
  return initToken(config, { label, instead, soPin: { from: 'file', path: soPinFile }, pin: config.pin, force }, initMeans);
}
