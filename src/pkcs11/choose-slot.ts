import { HsmongerError } from '../errors.js';
import { tokenLabelFault } from './objects/object-label.js';
import { slotText } from './slot-text.js';
import type { TokenInSlot } from './slots.js';
import type { TokenDescription } from './token.js';

/** Which slot a new token is made in. */
export type SlotChoice =
  { readonly by: 'slot'; readonly slotId: number } | { readonly by: 'slot-index'; readonly index: number } | { readonly by: 'first blank' };

export interface NewToken {
  readonly choice: SlotChoice;
  readonly label: string;
}

/**
 * The slot for a new token. TOKEN_NOT_FOUND where there is none, LABEL_INVALID for labels certmonger cannot use (it knows tokens by label
 * alone), OBJECT_EXISTS where another token of the module has the label; `hasPin` says whether a token has a user's PIN, which one whose
 * making was interrupted lacks. A token that is not blank is for the caller to judge.
 */
export function chooseSlot(
  tokens: readonly TokenInSlot[],
  { choice, label }: NewToken,
  module: string,
  hasPin: (token: TokenInSlot) => boolean,
): TokenInSlot {
  const fault = tokenLabelFault(label);
  if (fault !== undefined)
    throw new HsmongerError(
      'LABEL_INVALID',
      `A token cannot have the label '${label}': it ${fault}, and certmonger finds tokens by label alone. Choose another.`,
    );
  const found = tokens.find(chosen(choice));
  if (found === undefined)
    throw new HsmongerError('TOKEN_NOT_FOUND', `${missing(choice, module)}; 'hsmonger token list' shows what is there.`);
  assertLabelFree(tokens, label, found, module, hasPin);
  return found;
}

/** OBJECT_EXISTS where a token has the label, but for the one whose place is taken. */
export function assertLabelFree(
  tokens: readonly TokenInSlot[],
  label: string,
  instead: TokenInSlot | undefined,
  module: string,
  hasPin: (token: TokenInSlot) => boolean,
): void {
  const twin = tokens.find(
    ({ slot, description }) => description.initialized && description.label === label && instead?.slot.equals(slot) !== true,
  );
  if (twin === undefined) return;
  const slot = slotText(twin.description.slotId);
  const other = hasPin(twin)
    ? "choose another label, or go on with that token, which has a user's PIN"
    : `it has no user's PIN, as where its making was interrupted: make it anew with --slot ${slot} --erase '${label}', or choose another label`;
  throw new HsmongerError(
    'OBJECT_EXISTS',
    `The token in slot ${slot} of ${module} has the label '${label}' already, and NSS, certmonger and FreeIPA's installer take one for the other; ${other}.`,
  );
}

function chosen(choice: SlotChoice): (token: TokenInSlot) => boolean {
  switch (choice.by) {
    case 'slot':
      return ({ description }) => description.slotId === choice.slotId;
    case 'slot-index':
      return ({ index }) => index === choice.index;
    case 'first blank':
      return ({ description }) => !description.initialized;
  }
}

function missing(choice: SlotChoice, module: string): string {
  switch (choice.by) {
    case 'slot':
      return `There is no token in slot ${slotText(choice.slotId)} of ${module}`;
    case 'slot-index':
      return `There is no token at slot index ${String(choice.index)} of ${module}`;
    case 'first blank':
      return `No slot of ${module} has a token that is not initialised; name the slot of one that may be erased with --slot`;
  }
}

/** Whether what was looked at is what is in the slot now. */
export function sameToken(a: TokenDescription, b: TokenDescription): boolean {
  return (
    a.slotId === b.slotId &&
    a.serial === b.serial &&
    a.label === b.label &&
    a.initialized === b.initialized &&
    a.manufacturer === b.manufacturer
  );
}
