import type { TokenDescription, TokenKey } from '../../pkcs11/token.js';
import { formatUri } from '../../pkcs11/uri.js';
import type { TokenContents } from '../../service/tasks/inspect-token.js';
import { equalBytes } from '../../x509/der.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { sameKey } from '../../x509/public-key.js';
import { columns, type Cell } from '../output.js';

/** A private key as `token keys` tells it. */
export interface KeyEntry {
  readonly label: string;
  /** CKA_ID, hexadecimal. */
  readonly id: string;
  readonly type: string;
  readonly size: number;
  readonly sensitive: boolean;
  readonly extractable: boolean;
  readonly canSign: boolean;
  /** Labels of the certificates with this key. */
  readonly certificates: readonly string[];
  /** RFC 7512. */
  readonly uri: string;
}

export function tokenTable(tokens: readonly TokenDescription[], colour: boolean): string {
  return columns(
    ['SLOT', 'LABEL', 'SERIAL', 'MODEL', 'MANUFACTURER', 'FLAGS'],
    tokens.map((token) => [{ text: `0x${token.slotId.toString(16)}` }, { text: token.label }, { text: token.serial }, { text: token.model }, { text: token.manufacturer }, flagsOf(token)]),
    colour,
  );
}

export function keyReport({ description, keys, certificates }: TokenContents): KeyEntry[] {
  const { label: token, serial, manufacturer, model } = description;
  return keys.map((key) => ({
    ...described(key),
    sensitive: key.sensitive,
    extractable: key.extractable,
    canSign: key.canSign,
    certificates: certificates.filter(({ id, der }) => (key.spki === undefined ? equalBytes(id, key.id) : sameKey(key.spki, parseCertificate(der).spki))).map(({ label }) => label),
    uri: formatUri({ token, manufacturer, serial, model, id: key.id, ...(key.label === '' ? {} : { object: key.label }), type: 'private' }),
  }));
}

export function keyTable(keys: readonly KeyEntry[], colour: boolean): string {
  return columns(
    ['LABEL', 'ID', 'TYPE', 'PROTECTION', 'CERTIFICATES', 'URI'],
    keys.map((key) => [{ text: key.label === '' ? '-' : key.label }, { text: key.id }, { text: `${key.type} ${String(key.size)}` }, protectionOf(key), { text: key.certificates.join(', ') || '-' }, { text: key.uri }]),
    colour,
  );
}

function described({ label, id, type, size }: TokenKey): Pick<KeyEntry, 'label' | 'id' | 'type' | 'size'> {
  return { label, id: Buffer.from(id).toString('hex'), type, size };
}

function protectionOf({ sensitive, extractable }: KeyEntry): Cell {
  const text = `${sensitive ? 'sensitive' : 'NOT sensitive'}, ${extractable ? 'EXTRACTABLE' : 'not extractable'}`;
  return sensitive && !extractable ? { text } : { text, style: 'yellow' };
}

function flagsOf({ initialized, loginRequired, writeProtected, pin }: TokenDescription): Cell {
  const flags = [initialized ? 'initialised' : 'not initialised', ...(loginRequired ? ['login'] : []), ...(writeProtected ? ['write-protected'] : []), ...(pin === 'fine' ? [] : [`PIN ${pin}`])];
  return { text: flags.join(', '), ...(pin === 'fine' ? {} : { style: 'yellow' as const }) };
}
