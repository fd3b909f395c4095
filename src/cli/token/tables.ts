import type { ListedToken, TokenDescription, TokenKey, TokenPublicKey } from '../../pkcs11/token.js';
import { slotText } from '../../pkcs11/slot-text.js';
import { formatUri } from '../../pkcs11/uri.js';
import type { TokenMechanisms } from '../../pkcs11/signing/mechanism-list.js';
import { selecting } from '../../pkcs11/objects/selection.js';
import type { TokenObjects } from '../../service/tasks/token/list-objects.js';
import { equalBytes } from '../../x509/der.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { sameKey } from '../../x509/public-key.js';
import { columns, type Cell } from '../output.js';

/** A key as `token keys` tells it. */
export interface KeyEntry {
  readonly label: string;
  /** CKA_ID, hexadecimal. */
  readonly id: string;
  readonly type: string;
  readonly size: number;
  readonly kind: 'private' | 'public';
  /** These three of private keys alone. */
  readonly sensitive?: boolean;
  readonly extractable?: boolean;
  readonly canSign?: boolean;
  /** Labels of the certificates with this key. */
  readonly certificates: readonly string[];
  /** RFC 7512. */
  readonly uri: string;
}

/** RFC 7512. */
export function tokenUri({ label: token, serial, manufacturer, model }: TokenDescription): string {
  return formatUri({ token, manufacturer, serial, model });
}

/** A token as `token list --json` tells it: one without a name has no URI. */
export function listed<T extends ListedToken>(token: T): T & { readonly uri?: string } {
  return token.initialized ? { ...token, uri: tokenUri(token) } : token;
}

/** With the URI of each below its line, which it would make too wide. */
export function tokenTable(tokens: readonly ListedToken[], colour: boolean): string {
  const [header = '', ...lines] = tokenLines(tokens, colour).split(/(?<=\n)/u);
  return [header, ...tokens.map((token, at) => `${lines[at] ?? ''}${token.initialized ? `  URL: ${tokenUri(token)}\n` : ''}`)].join('');
}

function tokenLines(tokens: readonly ListedToken[], colour: boolean): string {
  return columns(
    ['INDEX', 'SLOT', 'LABEL', 'SERIAL', 'MODEL', 'MANUFACTURER', 'FLAGS'],
    tokens.map((token) => [
      { text: String(token.index) },
      { text: slotText(token.slotId) },
      { text: token.label },
      { text: token.serial },
      { text: token.model },
      { text: token.manufacturer },
      flagsOf(token),
    ]),
    colour,
  );
}

/** The private keys first, as they are what matters; those `selector` names. */
export function keyReport({ description, keys, publicKeys, certificates }: TokenObjects, selector?: string): KeyEntry[] {
  const named = selecting(selector, description);
  const withKey = (key: Pick<TokenKey, 'spki' | 'id'>) =>
    certificates
      .filter(({ id, der }) => (key.spki === undefined ? equalBytes(id, key.id) : hasKey(der, key.spki)))
      .map(({ label }) => label);
  return [
    ...keys
      .filter((key) => named(key, 'private'))
      .map((key): KeyEntry => ({
        ...described(key),
        kind: 'private',
        sensitive: key.sensitive,
        extractable: key.extractable,
        canSign: key.canSign,
        certificates: withKey(key),
        uri: keyUri(description, key, 'private'),
      })),
    ...publicKeys
      .filter((key) => named(key, 'public'))
      .map((key): KeyEntry => ({ ...described(key), kind: 'public', certificates: withKey(key), uri: keyUri(description, key, 'public') })),
  ];
}

/** Foreign objects that are no certificates we understand are nobody's. */
function hasKey(der: Uint8Array, spki: Uint8Array): boolean {
  try {
    return sameKey(spki, parseCertificate(der).spki);
  } catch {
    return false;
  }
}

/** Those that last longest first; what cannot be read last. */
export function newestFirst<T extends { readonly der: Uint8Array }>(certificates: readonly T[]): T[] {
  const until = ({ der }: T) => {
    try {
      return parseCertificate(der).notAfter.getTime();
    } catch {
      return 0;
    }
  };
  return [...certificates].sort((a, b) => until(b) - until(a));
}

/** RFC 7512. */
export function keyUri(token: TokenDescription, key: Pick<TokenKey, 'id' | 'label'>, type: 'private' | 'public'): string {
  return objectUri(token, key, type);
}

/** RFC 7512. */
export function certificateUri(token: TokenDescription, certificate: Pick<TokenKey, 'id' | 'label'>): string {
  return objectUri(token, certificate, 'cert');
}

function objectUri(
  { label: token, serial, manufacturer, model }: TokenDescription,
  { id, label }: Pick<TokenKey, 'id' | 'label'>,
  type: 'private' | 'public' | 'cert',
): string {
  return formatUri({
    token,
    manufacturer,
    serial,
    model,
    ...(id.length === 0 ? {} : { id }),
    ...(label === '' ? {} : { object: label }),
    type,
  });
}

/** One line for each mechanism. */
export function mechanismTable({ mechanisms }: TokenMechanisms, colour: boolean): string {
  return columns(
    ['MECHANISM', 'KEY SIZES', 'USES'],
    mechanisms.map(({ name, minKeySize, maxKeySize, uses }) => [
      { text: name },
      { text: maxKeySize === 0 ? '-' : `${String(minKeySize)}-${String(maxKeySize)}` },
      { text: uses.join(', ') },
    ]),
    colour,
  );
}

export function keyTable(keys: readonly KeyEntry[], colour: boolean): string {
  return columns(
    ['LABEL', 'ID', 'TYPE', 'PROTECTION', 'CERTIFICATES', 'URI'],
    keys.map((key) => [
      { text: key.label === '' ? '-' : key.label },
      { text: key.id },
      { text: `${key.type} ${String(key.size)}` },
      protectionOf(key),
      { text: key.certificates.join(', ') || '-' },
      { text: key.uri },
    ]),
    colour,
  );
}

function described({ label, id, type, size }: TokenPublicKey): Pick<KeyEntry, 'label' | 'id' | 'type' | 'size'> {
  return { label, id: Buffer.from(id).toString('hex'), type, size };
}

function protectionOf({ kind, sensitive, extractable }: KeyEntry): Cell {
  if (kind === 'public') return { text: 'public' };
  const text = `${sensitive === true ? 'sensitive' : 'NOT sensitive'}, ${extractable === true ? 'EXTRACTABLE' : 'not extractable'}`;
  return sensitive === true && extractable === false ? { text } : { text, style: 'yellow' };
}

function flagsOf({ initialized, loginRequired, writeProtected, pin }: TokenDescription): Cell {
  const flags = [
    initialized ? 'initialised' : 'not initialised',
    ...(loginRequired ? ['login'] : []),
    ...(writeProtected ? ['write-protected'] : []),
    ...(pin === 'fine' ? [] : [`PIN ${pin}`]),
  ];
  return { text: flags.join(', '), ...(pin === 'fine' ? {} : { style: 'yellow' as const }) };
}
