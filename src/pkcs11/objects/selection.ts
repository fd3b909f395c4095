import { isUri } from '../../config/pkcs11-uri.js';
import { HsmongerError } from '../../errors.js';
import { uriNames } from '../slots.js';
import type { TokenDescription } from '../token.js';
import { namingUri, type Pkcs11Uri } from '../uri.js';

/** Kinds of objects as RFC 7512 names them in `type`. */
export type ObjectKind = 'private' | 'public' | 'cert';

export interface SelectableObject {
  /** CKA_ID. */
  readonly id: Uint8Array;
  readonly label: string;
}

/**
 * Whether an object is one of those somebody named by label, CKA_ID in hexadecimal, or URI; all where nothing was named. CONFIG_INVALID for
 * what is no URI, and one that says what is not compared.
 */
export function selecting(selector: string | undefined, token: TokenDescription): (object: SelectableObject, kind: ObjectKind) => boolean {
  if (selector === undefined) return () => true;
  const named = parseSelector(selector);
  if (named.by === 'uri') return byUri(named.uri, token);
  return ({ id, label }) => label === named.label || named.id?.equals(id) === true;
}

/** What a person may mean by the name of an object. */
type Named =
  | { readonly by: 'uri'; readonly uri: Pkcs11Uri }
  | { readonly by: 'label or id'; readonly label: string; /** CKA_ID, where it may be one. */ readonly id?: Buffer };

/** The one reading of what a person calls a key or a certificate. CONFIG_INVALID for what is no URI. */
export function parseSelector(text: string): Named {
  if (isUri(text)) return { by: 'uri', uri: namingUri(text) };
  const digits = /^(?:0x)?(?<digits>(?:[0-9a-f]{2})+)$/iu.exec(text.replace(/:/gu, ''))?.groups?.['digits'];
  return { by: 'label or id', label: text, ...(digits === undefined ? {} : { id: Buffer.from(digits, 'hex') }) };
}

function byUri(uri: Pkcs11Uri, token: TokenDescription): (object: SelectableObject, kind: ObjectKind) => boolean {
  if (!uriNames(uri, token)) return () => false;
  return ({ id, label }, kind) =>
    (uri.type === undefined || uri.type === kind) &&
    (uri.object === undefined || uri.object === label) &&
    (uri.id === undefined || Buffer.from(uri.id).equals(id));
}

/** The one that was named; `code` otherwise, and KEY_AMBIGUOUS where several were. `what` is the thing in the plural: 'private keys'. */
export function onlyOne<T>(
  found: readonly T[],
  selector: string,
  what: string,
  code: 'KEY_NOT_FOUND' | 'CERTIFICATE_NOT_FOUND',
  token: TokenDescription,
): T {
  const [one, another] = found;
  if (one === undefined)
    throw new HsmongerError(
      code,
      `'${selector}' names none of the ${what} on token '${token.label}'; 'hsmonger token keys' lists what is there.`,
    );
  if (another !== undefined)
    throw new HsmongerError(
      'KEY_AMBIGUOUS',
      `'${selector}' names ${String(found.length)} of the ${what} on token '${token.label}'; name one by its CKA_ID or URI.`,
    );
  return one;
}
