import type { Instance, InstanceSite } from '../../config/instance.js';
import { instanceNames, loadInstance } from '../../config/load.js';
import { sentenceOf } from '../../errors.js';
import type { TokenDescription } from '../../pkcs11/token.js';
import { isTheSame, knownTokens } from './known-tokens.js';

/** A certificate on a token by its nickname, and the instance whose file says which hosts use it. */
export interface LeftTo {
  readonly nickname: string;
  readonly instance: string;
}

/**
 * Which certificates on this token are other instances', and why that of some cannot be told, as sentences. Logs in to nothing. A token
 * that is not seen now may be this one.
 */
export async function leftToOthers(
  { instance, directories }: InstanceSite,
  token: TokenDescription,
): Promise<{ readonly left: LeftTo[]; readonly troubles: string[] }> {
  const others: Instance[] = [];
  const troubles: string[] = [];
  for (const name of instanceNames(directories).filter((one) => one !== instance.name)) {
    try {
      for (const { view, description } of await knownTokens({ instance: loadInstance(directories, name), directories }))
        if (description === undefined || isTheSame(description, token)) others.push(view);
    } catch (error) {
      troubles.push(`What instance '${name}' has on it cannot be told: ${sentenceOf(error)}`);
    }
  }
  return { left: others.flatMap((other) => theirs(other, instance, others)), troubles };
}

/** A CA's certificate is that CA's; an instance that renews it, as a root does for its intermediates, is not asked for it. */
function theirs(other: Instance, own: Instance, others: readonly Instance[]): LeftTo[] {
  const authority = authorityOf(other);
  const nicknames = new Set([...(authority === undefined ? [] : [authority]), ...trackedBy(other)]);
  const isOwn = (nickname: string) =>
    authorityOf(own) === nickname || (trackedBy(own).includes(nickname) && !others.some((one) => authorityOf(one) === nickname));
  return [...nicknames].filter((nickname) => !isOwn(nickname)).map((nickname) => ({ nickname, instance: other.name }));
}

function authorityOf({ issuer, partOn }: Instance): string | undefined {
  return issuer.type === 'token' && partOn === undefined ? issuer.certificate : undefined;
}

function trackedBy({ certificates }: Instance): string[] {
  return certificates.filter(({ storage }) => storage.kind === 'token').map(({ nickname }) => nickname);
}
