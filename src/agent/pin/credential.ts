import path from 'node:path';
import type { UnlockedPin } from '../../config/instance.js';
import { unlockCommand } from '../../config/token-of.js';
import { asHsmongerError, type ErrorCode } from '../../errors.js';
import { readPin } from '../../pkcs11/pin/pin-source.js';
import { accountOf } from '../../platform/service-user.js';
import { proveGiven } from '../../service/pin/prove-given.js';
import { placeUnlocked } from '../../service/pin/unlocked-file.js';
import type { InstanceContext } from '../instances/instance-context.js';

/** The same credential would be refused again; after other failures the next try may do. */
const final: ReadonlySet<ErrorCode> = new Set(['PIN_INCORRECT', 'PIN_KNOWN_BAD', 'PIN_FINAL_TRY']);

export interface CredentialPlacer {
  /** Proves the PIN of systemd's credential once and puts it in place; gives why not, as a sentence. */
  place(): Promise<string | undefined>;
  /** What was in place may be put there again. */
  forget(): void;
}

/**
 * What was placed once and was taken away because the token refuses it now, or was refused at once, is not tried again until the credential
 * is another.
 */
export function createCredentialPlacer(
  { instance, directories }: Pick<InstanceContext, 'instance' | 'directories'>,
  unlocked: UnlockedPin,
  credentials: string | undefined,
): CredentialPlacer {
  const name = unlocked.credential ?? '';
  let over: { readonly identity: string; readonly sentence: string; readonly placed: boolean } | undefined;
  const place = async () => {
    if (credentials === undefined)
      return `The PIN is locked: systemd gave the agent no credentials; add LoadCredentialEncrypted=${name}:/etc/credstore.encrypted/${name} to its unit, or run '${unlockCommand(unlocked)}'.`;
    try {
      const { pin, identity } = readPin({ from: 'file', path: path.join(credentials, name) }, {}, { uid: 0, gid: 0 }, () => '');
      try {
        if (over?.identity === identity) return over.sentence;
        await proveGiven({ instance, directories }, `the PIN in the systemd credential '${name}'`, pin, { force: false, anew: false });
        placeUnlocked(unlocked, pin, accountOf(instance.user));
        over = {
          identity,
          placed: true,
          sentence: `The PIN is locked: the one in the credential '${name}' was in place and was taken away; run '${unlockCommand(unlocked)}'.`,
        };
        return undefined;
      } catch (error) {
        const { code, message } = asHsmongerError(error);
        if (final.has(code)) over = { identity, placed: false, sentence: message };
        return message;
      } finally {
        pin.fill(0);
      }
    } catch (error) {
      return `The PIN is locked: the systemd credential '${name}' cannot be used: ${asHsmongerError(error).message}`;
    }
  };
  return {
    place,
    forget: () => {
      if (over?.placed === true) over = undefined;
    },
  };
}
