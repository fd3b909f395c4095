import { isDeepStrictEqual } from 'node:util';
import type { CertificateConfig, Instance, TokenConfig } from '../instance.js';
import { pinPathOf, tokenName } from '../token-of.js';
import { wrong } from './values.js';

type Named = readonly (readonly [string, TokenConfig])[];

/**
 * The instance's tokens as one process can work with all of them: each with the variables of all, as a module reads them once, for every
 * token it has. CONFIG_INVALID where two tables name one token, or ask one module for two things.
 */
export function besideEachOther(file: string, own: TokenConfig | undefined, others: Named): Pick<Instance, 'token' | 'otherTokens'> {
  if (own === undefined || others.length === 0) return own === undefined ? {} : { token: own };
  const all: Named = [['token', own], ...others.map(([name, token]) => [`tokens.${name}`, token] as const)];
  const environment: Record<string, string> = {};
  all.forEach(([where, token], index) => {
    for (const [variable, value] of Object.entries(token.environment)) {
      if (environment[variable] !== undefined && environment[variable] !== value)
        throw wrong(
          file,
          `${where}.environment`,
          `sets ${variable} to another value than a table before it: one process works with all of the instance's tokens`,
        );
      environment[variable] = value;
    }
    for (const [earlier, other] of all.slice(0, index)) {
      const inMemory = token.pin.from === 'unlocked' || other.pin.from === 'unlocked';
      if (inMemory && pinPathOf(token.pin) === pinPathOf(other.pin))
        throw wrong(
          file,
          where,
          `has its PIN in ${pinPathOf(token.pin) ?? ''}, as [${earlier}] has, and unlocking one takes the other's place; name another file with 'pin-unlock'`,
        );
      if (other.module !== token.module) continue;
      if (other.parameters !== token.parameters)
        throw wrong(
          file,
          `${where}.parameters`,
          `differs from that of [${earlier}], and both are tokens of ${token.module}, which is initialised once`,
        );
      if (isDeepStrictEqual(other.selector, token.selector))
        throw wrong(
          file,
          where,
          `names the same token as [${earlier}], '${tokenName(token.selector)}'; leave 'token' out of the certificates on it`,
        );
    }
  });
  const among = (token: TokenConfig): TokenConfig => ({ ...token, environment });
  return { token: among(own), otherTokens: Object.fromEntries(others.map(([name, token]) => [name, among(token)])) };
}

/**
 * Red Hat Certificate System's rule: "All system keys for a subsystem must be generated on the same token." Dogtag knows one token for all
 * of them.
 */
export function assertOneToken(file: string, certificates: readonly CertificateConfig[]): void {
  const apart = certificates.find(({ storage }) => storage.kind === 'token' && storage.on !== undefined);
  if (apart !== undefined)
    throw wrong(
      file,
      'certificate',
      `puts '${apart.nickname}' on a token of its own, and with [pki] this is a Dogtag subsystem, whose system keys all have to be on one token; give what is no part of the subsystem an instance of its own`,
    );
}
