import { isUri } from '../config/pkcs11-uri.js';
import { HsmongerError } from '../errors.js';

/** A PKCS#11 URI (RFC 7512), decoded. Absent means: not said. `pin-value` has no place here: a PIN does not belong into a name. */
export interface Pkcs11Uri {
  readonly token?: string;
  readonly manufacturer?: string;
  readonly serial?: string;
  readonly model?: string;
  readonly libraryManufacturer?: string;
  readonly libraryDescription?: string;
  /** major[.minor] */
  readonly libraryVersion?: string;
  readonly slotManufacturer?: string;
  readonly slotDescription?: string;
  readonly slotId?: number;
  readonly object?: string;
  /** CKA_ID. */
  readonly id?: Uint8Array;
  readonly type?: 'public' | 'private' | 'cert' | 'secret-key' | 'data';
  readonly pinSource?: string;
  readonly modulePath?: string;
  readonly moduleName?: string;
}

type Part = 'path' | 'query';
type Decode = (value: string, complain: Complain) => unknown;
type Complain = (why: string) => HsmongerError;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** RFC 7512 §2.3, in the order its examples have. */
const attributes: readonly { readonly name: string; readonly field: keyof Pkcs11Uri; readonly part: Part; readonly decode: Decode }[] = [
  { name: 'token', field: 'token', part: 'path', decode: text },
  { name: 'manufacturer', field: 'manufacturer', part: 'path', decode: text },
  { name: 'serial', field: 'serial', part: 'path', decode: text },
  { name: 'model', field: 'model', part: 'path', decode: text },
  { name: 'library-manufacturer', field: 'libraryManufacturer', part: 'path', decode: text },
  { name: 'library-description', field: 'libraryDescription', part: 'path', decode: text },
  { name: 'library-version', field: 'libraryVersion', part: 'path', decode: version },
  { name: 'slot-manufacturer', field: 'slotManufacturer', part: 'path', decode: text },
  { name: 'slot-description', field: 'slotDescription', part: 'path', decode: text },
  { name: 'slot-id', field: 'slotId', part: 'path', decode: number },
  { name: 'object', field: 'object', part: 'path', decode: text },
  { name: 'id', field: 'id', part: 'path', decode: bytes },
  { name: 'type', field: 'type', part: 'path', decode: objectType },
  { name: 'pin-source', field: 'pinSource', part: 'query', decode: text },
  { name: 'module-path', field: 'modulePath', part: 'query', decode: text },
  { name: 'module-name', field: 'moduleName', part: 'query', decode: text },
];

// RFC 7512 §2.3: unreserved, percent-encoded, and what each part leaves free.
const allowed: Readonly<Record<Part, RegExp>> = {
  path: /^(?:[\w.~:[\]@!$'()*+,=&-]|%[0-9A-Fa-f]{2})*$/u,
  query: /^(?:[\w.~:[\]@!$'()*+,=/?|-]|%[0-9A-Fa-f]{2})*$/u,
};

/**
 * Reads a PKCS#11 URI. CONFIG_INVALID for what RFC 7512 does not allow and for `pin-value`. What is not known is refused in the path, where
 * it should match nothing, and passed over in the query (RFC 7512 §2.5). Empty parts of the path are passed over as well: GnuTLS' p11tool
 * writes ';;' where a token names no manufacturer.
 */
export function parseUri(uri: string): Pkcs11Uri {
  if (!isUri(uri))
    throw new HsmongerError('CONFIG_INVALID', `'${withoutPin(uri)}' is not a PKCS#11 URI: it must begin with 'pkcs11:' (RFC 7512).`);
  const rest = uri.slice('pkcs11:'.length);
  const mark = rest.indexOf('?');
  const path = mark < 0 ? rest : rest.slice(0, mark);
  const query = mark < 0 ? undefined : rest.slice(mark + 1);
  const found = new Map<string, unknown>();
  if (path !== '') for (const pair of path.split(';').filter((part) => part !== '')) read(uri, 'path', pair, found);
  if (query !== undefined && query !== '') for (const pair of query.split('&')) read(uri, 'query', pair, found);
  return Object.fromEntries(found);
}

function read(uri: string, part: Part, pair: string, found: Map<string, unknown>): void {
  const complain: Complain = (why) => new HsmongerError('CONFIG_INVALID', `The PKCS#11 URI '${withoutPin(uri)}' ${why}.`);
  const equals = pair.indexOf('=');
  if (equals < 1) throw complain(`has a part without 'name=value' (parts are separated by '${part === 'path' ? ';' : '&'}')`);
  const name = pair.slice(0, equals);
  const value = pair.slice(equals + 1);
  if (name === 'pin-value')
    throw complain("holds a PIN in 'pin-value'; a PIN must not be written into a URI, use pin-file, pin-env or pin-credential");
  const attribute = attributes.find((known) => known.name === name && known.part === part);
  if (attribute === undefined && part === 'query' && !attributes.some((known) => known.name === name)) return;
  if (attribute === undefined) throw complain(`has the attribute '${name}', which is not known in its ${part}`);
  if (found.has(attribute.field)) throw complain(`has '${name}' twice`);
  if (!allowed[part].test(value)) throw complain(`has characters in '${name}' that must be percent-encoded`);
  found.set(
    attribute.field,
    attribute.decode(value, (why) => complain(`has a '${name}' that ${why}`)),
  );
}

/** What tells a token from others, of what we can ask it for. */
const ofToken = ['token', 'manufacturer', 'serial', 'model', 'slotId'] as const;

/** What a URI may say of the library and the slot, and nobody here compares. */
const uncompared: ReadonlySet<keyof Pkcs11Uri> = new Set([
  ...(['libraryManufacturer', 'libraryDescription', 'libraryVersion', 'slotManufacturer', 'slotDescription', 'moduleName'] as const),
]);

/**
 * As parseUri, for a URI that names a token or what is on one: RFC 7512 §2.5 has every attribute match, so one that is not compared is
 * refused, with CONFIG_INVALID.
 */
export function namingUri(text: string): Pkcs11Uri {
  const uri = parseUri(text);
  const stranger = attributes.find(({ field }) => uncompared.has(field) && uri[field] !== undefined);
  if (stranger === undefined) return uri;
  throw new HsmongerError(
    'CONFIG_INVALID',
    `The PKCS#11 URI '${text}' has '${stranger.name}', which is not compared here, though all of a URI must match (RFC 7512 §2.5); name the token by token, serial, model, manufacturer or slot-id.`,
  );
}

/** The token's part of a URI. Without the padding of a label or serial, which p11tool writes as %00 for some tokens. */
export function tokenAttributes(uri: Pkcs11Uri): Pick<Pkcs11Uri, (typeof ofToken)[number]> {
  return Object.fromEntries(
    ofToken.flatMap((field) => {
      const value = uri[field];
      return value === undefined ? [] : [[field, typeof value === 'string' ? unpadded(value) : value]];
    }),
  );
}

/** PKCS#11 pads with blanks (2.40 §3.2); some modules with NULs. Leading blanks are the text's own. */
export function unpadded(text: string): string {
  return text.replace(/[\0 ]+$/u, '');
}

/** Writes a PKCS#11 URI; everything but unreserved characters is percent-encoded, so that any reader takes it. */
export function formatUri(uri: Pkcs11Uri): string {
  const write = (part: Part, separator: string) =>
    attributes
      .filter((attribute) => attribute.part === part)
      .flatMap(({ name, field }) => {
        const value = uri[field];
        return value === undefined ? [] : [`${name}=${encode(value)}`];
      })
      .join(separator);
  const query = write('query', '&');
  return `pkcs11:${write('path', ';')}${query === '' ? '' : `?${query}`}`;
}

function encode(value: string | number | Uint8Array): string {
  // RFC 7512 §2.3: the whole value of "id" SHOULD be percent-encoded.
  if (value instanceof Uint8Array) return Array.from(value, percent).join('');
  return Array.from(Buffer.from(String(value)), (byte) =>
    /[\w.~-]/u.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : percent(byte),
  ).join('');
}

function percent(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

function bytes(value: string): Uint8Array {
  return new Uint8Array(
    Buffer.from(
      value.replace(/%([0-9A-Fa-f]{2})/gu, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
      'latin1',
    ),
  );
}

function text(value: string, complain: Complain): string {
  try {
    return decoder.decode(bytes(value));
  } catch {
    throw complain('is not UTF-8');
  }
}

function number(value: string, complain: Complain): number {
  const parsed = Number(value);
  if (!/^\d+$/u.test(value) || !Number.isSafeInteger(parsed)) throw complain('is not a number');
  return parsed;
}

function version(value: string, complain: Complain): string {
  if (!/^\d+(?:\.\d+)?$/u.test(value)) throw complain('is not of the form major.minor');
  return value;
}

function objectType(value: string, complain: Complain): Pkcs11Uri['type'] {
  const types = ['public', 'private', 'cert', 'secret-key', 'data'] as const;
  const type = types.find((known) => known === value);
  if (type === undefined) throw complain(`is none of ${types.join(', ')}`);
  return type;
}

function withoutPin(uri: string): string {
  return uri.replace(/pin-value=[^&;]*/giu, 'pin-value=…');
}
