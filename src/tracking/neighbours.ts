import type { Directories, Instance } from '../config/instance.js';
import { instanceNames, loadInstance } from '../config/load.js';
import { tokenOn } from '../config/token-views.js';
import { HsmongerError } from '../errors.js';
import { askService } from '../service/ask.js';
import { clashesOf, type Clashes, type Resident } from './clashes.js';
import { refused } from './preflight.js';

interface Place {
  readonly instance: Instance;
  readonly directories: Directories;
}

/**
 * What speaks against this instance, as it is or as it would be, beside the others of this host. Their tokens are asked who they are, without a login;
 * a file that cannot be read is its own instance's trouble.
 */
export async function clashesBeside({ instance, directories }: Place): Promise<Clashes> {
  const others = instanceNames(directories)
    .filter((name) => name !== instance.name)
    .flatMap((name) => readable(directories, name));
  // Alone there is nobody to clash with, and no token is asked.
  const all = others.length === 0 ? [] : await Promise.all([instance, ...others].map((one) => residentOf({ instance: one, directories })));
  const [own = { instance, tokens: [] }, ...rest] = all;
  return clashesOf(own, rest);
}

/** Before anything is changed for an instance that is to be: PREFLIGHT_FAILED where it would clash with another. */
export async function assertNoClashes(place: Place): Promise<void> {
  const { refusals } = await clashesBeside(place);
  if (refusals.length > 0) throw refused(place.instance.name, refusals);
}

async function residentOf(place: Place): Promise<Resident> {
  const { instance } = place;
  const identified = await askService(place, 'identify tokens', undefined).catch(() => []);
  const names = [...(instance.token === undefined ? [] : [undefined]), ...Object.keys(instance.otherTokens ?? {})];
  return {
    instance,
    tokens: names.map((on) => {
      const description = identified.find((token) => token.on === on)?.description;
      return { ...(on === undefined ? {} : { on }), config: tokenOn(instance, on), ...(description === undefined ? {} : { description }) };
    }),
  };
}

function readable(directories: Directories, name: string): Instance[] {
  try {
    return [loadInstance(directories, name)];
  } catch (error) {
    if (error instanceof HsmongerError) return [];
    throw error;
  }
}
