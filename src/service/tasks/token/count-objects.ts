import { tokenOf } from '../../../config/token-of.js';
import { asHsmongerError, type ErrorCode } from '../../../errors.js';
import type { CensusSight, CountedObject } from '../../../pkcs11/objects/census.js';
import { listTokens } from '../../../pkcs11/open-token.js';
import type { TokenDescription } from '../../../pkcs11/token.js';
import type { ServiceContext } from '../../context.js';

/** A slot before a first installation. */
export interface SlotContents {
  /** All tokens the module shows, initialised or not. */
  readonly tokens: readonly TokenDescription[];
  /** The one that is meant, and what it holds; why it could not be opened, as a sentence. */
  readonly token:
    | { readonly ok: true; readonly description: TokenDescription; readonly objects: readonly CountedObject[] }
    | { readonly ok: false; readonly code: ErrorCode; readonly problem: string };
}

/** Counts what is on the token; where that wants a PIN, by the rules of its guard: one that is refused is the failure it is anywhere. */
export async function countObjects(
  context: ServiceContext,
  { sight, force }: { readonly sight: CensusSight; readonly force: boolean },
): Promise<SlotContents> {
  const tokens = listTokens(tokenOf(context.instance));
  try {
    const token = await context.openToken({ force });
    return { tokens, token: { ok: true, description: token.description, objects: await token.census(sight) } };
  } catch (error) {
    const { code, message } = asHsmongerError(error);
    if (code !== 'TOKEN_NOT_FOUND' && code !== 'TOKEN_AMBIGUOUS') throw error;
    return { tokens, token: { ok: false, code, problem: message } };
  }
}
