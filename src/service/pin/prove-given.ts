import type { Instance, InstanceSite } from '../../config/instance.js';
import { tokenOf } from '../../config/token-of.js';
import { HsmongerError } from '../../errors.js';
import type { TokenDescription } from '../../pkcs11/token.js';
import { askService } from '../ask.js';
import type { ProofOptions } from '../tasks/token/prove-pin.js';

const variable = 'HSMONGER_PIN';

/**
 * Tries a PIN that lies in no file yet, once: one login in a process that has dropped, the PIN on its standard input. It is remembered by
 * its randomly keyed tag, so the same wrong one costs no second attempt wherever it is typed again (design rule 4). `what` is the PIN in
 * words.
 */
export async function proveGiven(place: InstanceSite, what: string, pin: Buffer, options: ProofOptions): Promise<TokenDescription> {
  const { instance, directories } = place;
  const given: Instance = { ...instance, token: { ...tokenOf(instance), pin: { from: 'environment', variable } } };
  try {
    return await askService({ instance: given, directories }, 'prove PIN', options, { pins: { [variable]: pin.toString('utf8') } });
  } catch (error) {
    throw inWords(error, what);
  }
}

/** What the guard says of a variable means nothing to who typed the PIN. */
function inWords(error: unknown, what: string): unknown {
  if (!(error instanceof HsmongerError)) return error;
  const { code } = error;
  const sentence: Partial<Record<typeof code, string>> = {
    PIN_INCORRECT: `The token refused ${what}: one attempt is spent, and this PIN is not tried again.`,
    PIN_KNOWN_BAD: `The token has refused ${what} before, so it is not tried again; where the token's PIN was changed to it since, run 'hsmonger unlock --changed'.`,
    PIN_FINAL_TRY: `The token has one login attempt left before it locks, so ${what} is not tried; use it up with 'hsmonger unlock --force', or log in once with the vendor's tool.`,
  };
  const ours = sentence[code];
  return ours === undefined ? error : new HsmongerError(code, ours, { cause: error });
}
