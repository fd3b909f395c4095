import { realpathSync } from 'node:fs';
import type { Instance, InstanceSite, TokenConfig, TokenSelector } from '../../config/instance.js';
import { instanceNames, loadInstance } from '../../config/load.js';
import { tokenName, tokenOf } from '../../config/token-of.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { uriNames } from '../../pkcs11/slots.js';
import type { TokenDescription } from '../../pkcs11/token.js';
import { parseUri } from '../../pkcs11/uri.js';
import { askService } from '../../service/ask.js';
import { isTheSame } from './known-tokens.js';

/** Why a token must not be erased, as sentences: an instance works with it, or may, for all that can be told. */
export async function instancesOn(place: InstanceSite, token: TokenDescription): Promise<string[]> {
  const { directories } = place;
  const reasons: string[] = [];
  for (const name of instanceNames(directories)) {
    try {
      const instance = loadInstance(directories, name);
      for (const config of [instance.token, ...Object.values(instance.otherTokens ?? {})])
        if (config !== undefined && (await isOn({ ...instance, token: config }, place, token)))
          reasons.push(`It holds the keys of instance '${name}'.`);
    } catch (error) {
      reasons.push(`Whether instance '${name}' works with it cannot be told: ${sentenceOf(error)}`);
    }
  }
  return reasons;
}

/** Serial and label are the token's own, whatever module shows it. Where the instance sees none, its name for it is all there is. */
async function isOn(instance: Instance, place: InstanceSite, token: TokenDescription): Promise<boolean> {
  const config = tokenOf(instance);
  if (config.selector.by === 'label' && config.selector.label === token.label && sameModule(config, tokenOf(place.instance))) return true;
  try {
    const { description } = await askService({ instance, directories: place.directories }, 'inspect token', { keys: false });
    return isTheSame(description, token);
  } catch (error) {
    if (!(error instanceof HsmongerError && error.code === 'TOKEN_NOT_FOUND')) throw error;
    // It may be this one all the same: seen through another module, or by a user who may not see it now.
    if (!mayName(config.selector, token)) return false;
    throw new HsmongerError(
      'TOKEN_IN_USE',
      `it names its token ${tokenName(config.selector)} and sees none of that name now (${config.module}, user '${instance.user}').`,
      { cause: error },
    );
  }
}

/** Whether an instance file can mean this token by this. A slot tells nothing of what was in it. */
function mayName(selector: TokenSelector, token: TokenDescription): boolean {
  switch (selector.by) {
    case 'label':
      return selector.label === token.label;
    case 'uri':
      return uriNames({ ...parseUri(selector.uri), slotId: token.slotId }, token);
    case 'slot':
    case 'slot-index':
      return true;
  }
}

function sameModule(a: TokenConfig, b: TokenConfig): boolean {
  try {
    return realpathSync(a.module) === realpathSync(b.module);
  } catch {
    return a.module === b.module;
  }
}
