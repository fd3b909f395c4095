import pkcs11js from 'pkcs11js';
import type { TokenSelector } from '../config/instance.js';
import { HsmongerError } from '../errors.js';
import { calling, returnValueOf, tokenFailure } from './ckr.js';
import { ulong, type Cryptoki, type Handle, type RawTokenInfo } from './cryptoki.js';
import { slotText } from './slot-text.js';
import type { TokenDescription } from './token.js';
import { namingUri, tokenAttributes, unpadded, type Pkcs11Uri } from './uri.js';

export interface TokenInSlot {
  readonly slot: Handle;
  /** Place among all the module's slots, empty ones too: what `slot-index` counts, as pkcs11-tool's --slot-index and -L do. */
  readonly index: number;
  readonly description: TokenDescription;
}

export interface TokensSeen {
  /** In the module's order. */
  readonly tokens: readonly TokenInSlot[];
  /** Of the first slot that failed to describe its token; another slot's trouble is none of a token that was found. */
  readonly failure?: HsmongerError;
}

/** A slot can lose its token between the list and the question; such a slot holds none. */
const absent: ReadonlySet<string | undefined> = new Set([
  'CKR_TOKEN_NOT_PRESENT',
  'CKR_TOKEN_NOT_RECOGNIZED',
  'CKR_DEVICE_REMOVED',
  'CKR_SLOT_ID_INVALID',
]);

/** The tokens in the module's slots. */
export function tokensOf(cryptoki: Cryptoki, module: string): TokensSeen {
  const listing = `Listing the slots of ${module}`;
  const slots = calling(listing, () => cryptoki.C_GetSlotList(true));
  const all = calling(listing, () => cryptoki.C_GetSlotList(false));
  const tokens: TokenInSlot[] = [];
  const failures: HsmongerError[] = [];
  for (const slot of slots) {
    const index = all.findIndex((one) => one.equals(slot));
    try {
      const description = describe(cryptoki, slot);
      if (description !== undefined) tokens.push({ slot, index, description });
    } catch (error) {
      failures.push(tokenFailure(error, `Asking slot ${String(ulong(slot))} of ${module} for its token`));
    }
  }
  const [failure] = failures;
  return { tokens, ...(failure === undefined ? {} : { failure }) };
}

/** What the slot's token says of itself now; undefined where there is none. */
export function describe(cryptoki: Cryptoki, slot: Handle): TokenDescription | undefined {
  try {
    return descriptionOf(ulong(slot), cryptoki.C_GetTokenInfo(slot));
  } catch (error) {
    if (absent.has(returnValueOf(error))) return undefined;
    throw error;
  }
}

function descriptionOf(slotId: number, info: RawTokenInfo): TokenDescription {
  return {
    slotId,
    label: unpadded(info.label),
    manufacturer: unpadded(info.manufacturerID),
    model: unpadded(info.model),
    serial: unpadded(info.serialNumber),
    loginRequired: (info.flags & pkcs11js.CKF_LOGIN_REQUIRED) !== 0,
    initialized: (info.flags & pkcs11js.CKF_TOKEN_INITIALIZED) !== 0,
    writeProtected: (info.flags & pkcs11js.CKF_WRITE_PROTECTED) !== 0,
    pin: pinState(info.flags),
  };
}

/** What the flags of CK_TOKEN_INFO say of the user PIN, the worst first. */
export function pinState(flags: number): TokenDescription['pin'] {
  if ((flags & pkcs11js.CKF_USER_PIN_LOCKED) !== 0) return 'locked';
  if ((flags & pkcs11js.CKF_USER_PIN_FINAL_TRY) !== 0) return 'final-try';
  return (flags & pkcs11js.CKF_USER_PIN_COUNT_LOW) !== 0 ? 'count-low' : 'fine';
}

/** The one token the configuration names; TOKEN_NOT_FOUND (with what was seen), a slot's own failure, or TOKEN_AMBIGUOUS otherwise. */
export function findToken({ tokens, failure }: TokensSeen, selector: TokenSelector, module: string): TokenInSlot {
  const matching = tokens.filter(matcher(selector, module));
  const [found, another] = matching;
  if (found === undefined && failure !== undefined) throw failure;
  if (found === undefined) throw new HsmongerError('TOKEN_NOT_FOUND', `There is no ${wanted(selector)} in ${module}; ${seen(tokens)}.`);
  if (another !== undefined) {
    const where = matching.map(({ description }) => `slot ${slotText(description.slotId)} (serial ${description.serial})`).join(' and ');
    throw new HsmongerError(
      'TOKEN_AMBIGUOUS',
      `There is more than one ${wanted(selector)} in ${module}, in ${where}; name it by slot, or by uri with its serial.`,
    );
  }
  if (!found.description.initialized) {
    throw new HsmongerError(
      'TOKEN_NOT_FOUND',
      `The token in slot ${slotText(found.description.slotId)} of ${module} is not initialised; initialise it, or name another: ${seen(tokens)}.`,
    );
  }
  return found;
}

function matcher(selector: TokenSelector, module: string): (token: TokenInSlot) => boolean {
  switch (selector.by) {
    case 'label':
      // OpenSC's prefix match once spent another token's PIN attempts: exactly this label, or none.
      return ({ description }) => description.initialized && description.label === selector.label;
    case 'slot':
      return ({ description }) => description.slotId === selector.slotId;
    case 'slot-index':
      return ({ index }) => index === selector.index;
    case 'uri': {
      const uri = tokenUri(selector.uri, module);
      return ({ description, index }) =>
        description.initialized && uriNames(uri, description) && (selector.index === undefined || index === selector.index);
    }
  }
}

/** The URI as the name of a token, for a module and a PIN that are said elsewhere. */
function tokenUri(text: string, module: string): Pkcs11Uri {
  const uri = namingUri(text);
  const refused = (why: string) => new HsmongerError('CONFIG_INVALID', `The token URI '${text}' ${why}.`);
  if (uri.modulePath !== undefined && uri.modulePath !== module) throw refused(`names another module than 'module' does (${module})`);
  if (uri.pinSource !== undefined)
    throw refused("has 'pin-source'; say where the PIN is with pin-file, pin-unlock, pin-credential or pin-env");
  return uri;
}

/** Whether the token attributes of a URI are this token's. */
export function uriNames(uri: Pkcs11Uri, { label: token, serial, model, manufacturer, slotId }: TokenDescription): boolean {
  const own = { token, serial, model, manufacturer, slotId };
  const asked = tokenAttributes(uri);
  return Object.entries(own).every(([field, value]) => (asked[field as keyof typeof own] ?? value) === value);
}

function wanted(selector: TokenSelector): string {
  switch (selector.by) {
    case 'label':
      return `token with the label '${selector.label}'`;
    case 'slot':
      return `token in slot ${String(selector.slotId)}`;
    case 'slot-index':
      return `token at slot index ${String(selector.index)}`;
    case 'uri':
      return `token that fits '${selector.uri}'${selector.index === undefined ? '' : ` at slot index ${String(selector.index)}`}`;
  }
}

function seen(tokens: readonly TokenInSlot[]): string {
  const initialized = tokens.filter(({ description }) => description.initialized);
  if (initialized.length === 0)
    return "it shows no initialised token to this user at all; check that the device is there, and 'environment' in the instance file";
  return `it has ${initialized.map(({ description }) => `'${description.label}' in slot ${slotText(description.slotId)}`).join(', ')}`;
}
