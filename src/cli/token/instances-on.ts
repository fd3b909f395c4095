import { realpathSync } from 'node:fs';
import type { Directories, Instance, TokenConfig } from '../../config/instance.js';
import { instanceNames, loadInstance } from '../../config/load.js';
import { tokenOf } from '../../config/token-of.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import type { TokenDescription } from '../../pkcs11/token.js';
import { askService } from '../../service/ask.js';

interface Place {
  readonly instance: Instance;
  readonly directories: Directories;
}

/** Why a token must not be erased, as sentences: an instance works with it, or may, for all that can be told. */
export async function instancesOn(place: Place, token: TokenDescription): Promise<string[]> {
  const { directories } = place;
  const reasons: string[] = [];
  for (const name of instanceNames(directories)) {
    try {
      const instance = loadInstance(directories, name);
      for (const config of [instance.token, ...Object.values(instance.otherTokens ?? {})]) if (config !== undefined && (await isOn({ ...instance, token: config }, place, token))) reasons.push(`It holds the keys of instance '${name}'.`);
    } catch (error) {
      reasons.push(`Whether instance '${name}' works with it cannot be told: ${sentenceOf(error)}`);
    }
  }
  return reasons;
}

/** Label and serial are the token's own, whatever module shows it. Where the instance sees none, its name for it is all there is. */
async function isOn(instance: Instance, place: Place, token: TokenDescription): Promise<boolean> {
  const config = tokenOf(instance);
  if (config.selector.by === 'label' && config.selector.label === token.label && sameModule(config, tokenOf(place.instance))) return true;
  try {
    const { description } = await askService({ instance, directories: place.directories }, 'inspect token', { keys: false });
    return description.label === token.label && description.serial === token.serial && description.manufacturer === token.manufacturer;
  } catch (error) {
    // A token that is away is not the one that has just answered.
    if (error instanceof HsmongerError && error.code === 'TOKEN_NOT_FOUND') return false;
    throw error;
  }
}

function sameModule(a: TokenConfig, b: TokenConfig): boolean {
  try {
    return realpathSync(a.module) === realpathSync(b.module);
  } catch {
    return a.module === b.module;
  }
}
