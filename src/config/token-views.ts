import type { CertificateStorage, Instance, TokenConfig } from './instance.js';
import { HsmongerError } from '../errors.js';
import { tokenName, tokenOf } from './token-of.js';

/**
 * One of the instance's tokens by the name the file gives it; its own where there is no name. CONFIG_INVALID where there is none of that
 * name.
 */
export function tokenOn(instance: Pick<Instance, 'token' | 'otherTokens' | 'file'>, on: string | undefined): TokenConfig {
  if (on === undefined) return tokenOf(instance);
  const token = instance.otherTokens?.[on];
  if (token !== undefined) return token;
  const names = Object.keys(instance.otherTokens ?? {});
  throw new HsmongerError(
    'CONFIG_INVALID',
    `${instance.file} has no [tokens.${on}]; it has ${names.length === 0 ? 'no further tokens' : names.map((name) => `'${name}'`).join(', ')}.`,
  );
}

/** All of them, the instance's own first. */
export function tokensOf({ token, otherTokens = {} }: Pick<Instance, 'token' | 'otherTokens'>): TokenConfig[] {
  return [...(token === undefined ? [] : [token]), ...Object.values(otherTokens)];
}

/** Which of its tokens a certificate lies on; undefined for the instance's own, and for what lies on none. */
export function lyingOn(storage: CertificateStorage): string | undefined {
  return storage.kind === 'token' ? storage.on : undefined;
}

/** The same of the certificate of that nickname. */
export function tokenWith({ certificates }: Pick<Instance, 'certificates'>, nickname: string): string | undefined {
  const found = certificates.find((certificate) => certificate.nickname === nickname);
  return found === undefined ? undefined : lyingOn(found.storage);
}

/**
 * The instance as work with one token at a time sees it, once for each token: with that token as its own and what lies on it. The first has
 * the instance's own token and what lies on none; a further token that nothing lies on has no view. With one token that is the instance
 * itself.
 */
export function tokenViews(instance: Instance): [Instance, ...Instance[]] {
  const names = Object.keys(instance.otherTokens ?? {}).filter((name) =>
    instance.certificates.some(({ storage }) => lyingOn(storage) === name),
  );
  const own = instance.certificates.some(({ storage }) => lyingOn(storage) !== undefined) ? viewOn(instance, undefined) : instance;
  return [own, ...names.map((name) => viewOn(instance, name))];
}

/** The view of one token, which need not have a certificate. */
export function viewOn({ otherTokens, ...instance }: Instance, on: string | undefined): Instance {
  const token = on === undefined ? instance.token : tokenOn({ ...instance, ...(otherTokens === undefined ? {} : { otherTokens }) }, on);
  return {
    ...instance,
    ...(token === undefined ? {} : { token }),
    ...(on === undefined ? {} : { partOn: on }),
    certificates: instance.certificates
      .filter(({ storage }) => lyingOn(storage) === on)
      .map((certificate) => (certificate.storage.kind === 'token' ? { ...certificate, storage: { kind: 'token' } } : certificate)),
  };
}

/**
 * The view of the token a person named, by its name in the file or its label; USAGE where there is none. Without a name the instance's own.
 */
export function chosenToken(instance: Instance, text: string | undefined): Instance {
  if (text === undefined) return instance.otherTokens === undefined ? instance : viewOn(instance, undefined);
  const others = Object.entries(instance.otherTokens ?? {});
  const labelled = (token: TokenConfig | undefined) => token?.selector.by === 'label' && token.selector.label === text;
  const on = others.find(([name]) => name === text)?.[0] ?? others.find(([, token]) => labelled(token))?.[0];
  if (on !== undefined) return viewOn(instance, on);
  if (labelled(instance.token)) return viewOn(instance, undefined);
  const known = [...(instance.token === undefined ? [] : [tokenName(instance.token.selector)]), ...others.map(([name]) => name)];
  throw new HsmongerError(
    'USAGE',
    `${instance.file} has no token '${text}'; it has ${known.length === 0 ? 'none' : known.map((name) => `'${name}'`).join(', ')}.`,
  );
}
