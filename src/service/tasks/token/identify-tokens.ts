import { tokenOn } from '../../../config/token-views.js';
import { HsmongerError, sentenceOf } from '../../../errors.js';
import { describeToken } from '../../../pkcs11/open-token.js';
import type { TokenDescription } from '../../../pkcs11/token.js';
import type { ServiceContext } from '../../context.js';

/** One of the instance's tokens, by the name of its [tokens.NAME]; its own has none. */
export interface IdentifiedToken {
  readonly on?: string;
  /** Absent where it is not seen now. */
  readonly description?: TokenDescription;
  /** Why it is not, where that is another reason than that it is away: what it is nobody can say. A whole sentence. */
  readonly unknown?: string;
}

/** What each of the instance's tokens says of itself. Needs no login, and waits for none. */
export function identifyTokens({ instance }: Pick<ServiceContext, 'instance'>): Promise<IdentifiedToken[]> {
  const names = [...(instance.token === undefined ? [] : [undefined]), ...Object.keys(instance.otherTokens ?? {})];
  return Promise.resolve(
    names.map((on) => {
      const named = on === undefined ? {} : { on };
      try {
        return { ...named, description: describeToken(tokenOn(instance, on)) };
      } catch (error) {
        return error instanceof HsmongerError && error.code === 'TOKEN_NOT_FOUND' ? named : { ...named, unknown: sentenceOf(error) };
      }
    }),
  );
}
