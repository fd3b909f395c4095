import type { Instance, TokenConfig, TokenSelector } from '../../config/instance.js';
import { isUri } from '../../config/pkcs11-uri.js';
import { pinPathOf, tokenName, tokenOf } from '../../config/token-of.js';
import { chosenToken, viewOn } from '../../config/token-views.js';
import { HsmongerError } from '../../errors.js';
import { formatUri, namingUri, parseUri, tokenAttributes, type Pkcs11Uri } from '../../pkcs11/uri.js';
import { namesNoToken, tokenByUri } from './token-uri.js';

/** Of one token: its name in the file, which the instance's own has not. */
interface OwnToken {
  readonly on: string | undefined;
  readonly token: TokenConfig;
}

/**
 * The view of the token a person named: by its name in the file, its label, or a URI (RFC 7512). A URI chooses the token it does not
 * contradict, and goes with it: what it says beyond the file is compared once the token is seen (§2.5). USAGE where it means none of the
 * instance's tokens, or more than one.
 */
export function namedToken(instance: Instance, text: string | undefined): Instance {
  if (!isUri(text)) return chosenToken(instance, text);
  const uri = namingUri(text);
  if (Object.keys(tokenAttributes(uri)).length === 0) throw namesNoToken(text);
  const { sure, possible } = meant(instance, uri);
  const [only, another] = sure.length > 0 ? sure : possible;
  if (only === undefined)
    throw new HsmongerError('USAGE', `${instance.file} has no token that fits '${text}'; it has ${quoted(ownTokens(instance))}.`);
  if (another !== undefined)
    throw new HsmongerError(
      'USAGE',
      `'${text}' may be more than one of the tokens ${instance.file} has (${quoted(ownTokens(instance))}); add its label to the URI (token=), or name it as the file does.`,
    );
  const { pinFile } = tokenByUri(text);
  if (pinFile !== undefined && pinFile !== pinPathOf(only.token.pin))
    throw new HsmongerError(
      'USAGE',
      `The URI's pin-source ${pinFile} is not where ${instance.file} says the PIN of this token comes from; leave it out.`,
    );
  const view = viewOf(instance, only);
  return { ...view, token: { ...tokenOf(view), selector: both(only.token.selector, uri) } };
}

/** The view of the token that an object's URI is of; the instance's own where the URI tells none of them. */
export function tokenOfObject(instance: Instance, uri: string): Instance {
  const { sure } = meant(instance, namingUri(uri));
  const [only, another] = sure;
  return only === undefined || another !== undefined ? chosenToken(instance, undefined) : viewOf(instance, only);
}

/** Those the URI does not contradict; `sure` are those that it says something of which the file says, too. */
function meant(instance: Instance, uri: Pkcs11Uri): { readonly possible: readonly OwnToken[]; readonly sure: readonly OwnToken[] } {
  const asked = Object.entries(tokenAttributes(uri));
  const possible = ownTokens(instance).filter(({ token: { selector, module } }) => {
    const known: Partial<Record<string, string | number>> = attributesOf(selector);
    return (
      asked.every(([field, value]) => known[field] === undefined || known[field] === value) &&
      (uri.modulePath === undefined || uri.modulePath === module)
    );
  });
  return { possible, sure: possible.filter(({ token }) => asked.some(([field]) => field in attributesOf(token.selector))) };
}

function ownTokens({ token, otherTokens = {} }: Instance): OwnToken[] {
  return [
    ...(token === undefined ? [] : [{ on: undefined, token }]),
    ...Object.entries(otherTokens).map(([on, other]) => ({ on, token: other })),
  ];
}

function viewOf(instance: Instance, { on }: OwnToken): Instance {
  return on === undefined ? chosenToken(instance, undefined) : viewOn(instance, on);
}

function quoted(tokens: readonly OwnToken[]): string {
  return tokens.map(({ on, token }) => `'${on ?? tokenName(token.selector)}'`).join(', ') || 'none';
}

/** What the file says of the token, as a URI would. A place among the slots is none of it. */
function attributesOf(selector: TokenSelector): ReturnType<typeof tokenAttributes> {
  switch (selector.by) {
    case 'label':
      return { token: selector.label };
    case 'slot':
      return { slotId: selector.slotId };
    case 'slot-index':
      return {};
    case 'uri':
      return tokenAttributes(parseUri(selector.uri));
  }
}

/** What the file says and what the URI says, to be fitted by one token. */
function both(selector: TokenSelector, uri: Pkcs11Uri): TokenSelector {
  const named = formatUri({ ...attributesOf(selector), ...tokenAttributes(uri) });
  return { by: 'uri', uri: named, ...(selector.by === 'slot-index' ? { index: selector.index } : {}) };
}
