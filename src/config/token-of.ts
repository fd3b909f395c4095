import { HsmongerError } from '../errors.js';
import type { Instance, PinSource, TokenConfig, TokenSelector, UnlockedPin } from './instance.js';

/** The instance's token, for what cannot be done without one; CONFIG_INVALID where all its certificates lie elsewhere. */
export function tokenOf({ token, file }: Pick<Instance, 'token' | 'file'>): TokenConfig {
  if (token !== undefined) return token;
  throw new HsmongerError(
    'CONFIG_INVALID',
    `${file} has no [token]: nothing of this instance lies on one; add [token] for what is to be done on a token.`,
  );
}

/** How many sessions work that comes in numbers opens on a token at a time (src/pkcs11/signing/pool.ts). */
export function sessionsOf({ maxSessions }: Pick<TokenConfig, 'maxSessions'>): number {
  return maxSessions ?? 4;
}

/**
 * What is set before a PKCS#11 module is loaded, in NSS's tools too: they load the modules the database lists. Each token has the variables
 * of all.
 */
export function moduleEnvironment({ token }: Pick<Instance, 'token'>): TokenConfig['environment'] {
  return token?.environment ?? {};
}

/** The file certmonger's requests name as the PIN's, whether it is there now or not; undefined where the PIN comes another way. */
export function pinPathOf(pin: PinSource | undefined): string | undefined {
  return pin?.from === 'file' || pin?.from === 'unlocked' ? pin.path : undefined;
}

/** The command that puts it there, with what tells this token from others; to be quoted in a sentence. */
export function unlockCommand({ instance, on }: Pick<UnlockedPin, 'instance' | 'on'>): string {
  return `hsmonger unlock${instance === 'hsmonger' ? '' : ` --instance ${instance}`}${on === undefined ? '' : ` --token ${on}`}`;
}

/** The token in a word, as the instance file names it: where it was not looked at, nobody knows its label. */
export function tokenName(selector: TokenSelector): string {
  switch (selector.by) {
    case 'label':
      return selector.label;
    case 'slot':
      return `slot ${String(selector.slotId)}`;
    case 'slot-index':
      return `slot index ${String(selector.index)}`;
    case 'uri':
      return selector.uri;
  }
}
