import type { KeySelector, Token, TokenKey } from '../token.js';
import { failedTwice, newSessionMayMend } from './lost-session.js';

/**
 * A token for work that signs once and must not end over a session that is lost under the signature (a network HSM fails over): the
 * signature is made once more through a new session, which everything after it goes through as well. `open` gives a new session each time;
 * it logs in by the rules of pin-guard.ts, as the first did. Everything else fails as it does on a token that is opened plainly.
 */
export async function openSigningOnceMore(open: () => Promise<Token>): Promise<Token> {
  const first = await open();
  let current = first;
  let closed = false;
  /** Keys that were found through a session before this one, as this one found them. */
  let found: WeakMap<TokenKey, TokenKey> | undefined;

  const here = async (key: TokenKey): Promise<TokenKey> => {
    if (found === undefined) return key;
    const known = found.get(key) ?? (await current.findKey(selectorOf(key)));
    found.set(key, known);
    return known;
  };
  const foundHere = (key: TokenKey): TokenKey => {
    found?.set(key, key);
    return key;
  };

  return {
    description: first.description,
    certificates: (wanted) => current.certificates(wanted),
    login: () => current.login(),
    keys: async (more) => (await current.keys(more)).map(foundHere),
    publicKeys: () => current.publicKeys(),
    census: (sight) => current.census(sight),
    findKey: async (selector) => foundHere(await current.findKey(selector)),
    sign: async (key, algorithm, data, madeBy) => {
      try {
        return await current.sign(await here(key), algorithm, data, madeBy);
      } catch (error) {
        if (closed || !newSessionMayMend(error)) throw error;
      }
      // Before the new one: a module is initialised afresh only where nobody holds it, which some need before they see the token again.
      await current.close();
      current = await open();
      found = new WeakMap();
      try {
        return await current.sign(await here(key), algorithm, data, madeBy);
      } catch (error) {
        throw newSessionMayMend(error) ? failedTwice(error) : error;
      }
    },
    pulse: () => current.pulse(),
    confirm: async (key) => current.confirm(await here(key)),
    changePin: (next, mayGoOn) => current.changePin(next, mayGoOn),
    mechanisms: () => current.mechanisms(),
    generateKeyPair: async (order) => foundHere(await current.generateKeyPair(order)),
    storeCertificate: (der, place) => current.storeCertificate(der, place),
    moveId: (move, begin) => current.moveId(move, begin),
    destroyCertificates: (der) => current.destroyCertificates(der),
    close: () => {
      closed = true;
      return current.close();
    },
  };
}

/** The same key again: what a label named before may name another on the token that comes back. */
function selectorOf({ id, spki }: TokenKey): KeySelector {
  return spki === undefined ? { by: 'id', id } : { by: 'public-key', spki, id };
}
