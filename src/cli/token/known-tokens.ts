import type { Instance, InstanceSite } from '../../config/instance.js';
import { tokensOf, viewOn } from '../../config/token-views.js';
import type { TokenDescription } from '../../pkcs11/token.js';
import { askService } from '../../service/ask.js';

/** A token that an instance file names, and which one that is. */
export interface KnownToken {
  /** The instance as work with that token sees it. */
  readonly view: Instance;
  /** Absent where it is not seen now. */
  readonly description?: TokenDescription;
  /** Why nobody can say which it is, a whole sentence; absent where it is only away. */
  readonly unknown?: string;
}

/** All tokens of a whole instance. Logs in to none. */
export async function knownTokens({ instance, directories }: InstanceSite): Promise<KnownToken[]> {
  if (tokensOf(instance).length === 0) return [];
  const identified = await askService({ instance, directories }, 'identify tokens', undefined);
  return identified.map(({ on, ...known }) => ({ ...known, view: viewOn(instance, on) }));
}

/** Modules of two makers show one token with one serial number and labels of their own. */
export function isTheSame(one: TokenDescription, other: TokenDescription): boolean {
  if (one.serial !== other.serial) return false;
  return !/^0*$/u.test(one.serial) || (one.label === other.label && one.manufacturer === other.manufacturer);
}
