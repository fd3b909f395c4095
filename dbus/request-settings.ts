import { Variant } from './wire.js';

/** Changes or a new request with the CA by its nickname. */
export type RequestSettings<T extends RequestChanges> = T & { readonly ca?: string };

/** What modify may change. */
export interface RequestChanges {
  /** A new request id; the object path stays. The one it has already is refused as a duplicate. */
  readonly nickname?: string;
  /** template-profile. */
  readonly profile?: string;
  readonly monitoring?: boolean;
  readonly autorenew?: boolean;
  readonly keyPinFile?: string;
  /** Makes certmonger forget the PIN it keeps; no other is ever sent: certmonger tells every listener on the bus. */
  readonly keyPin?: '';
  /** Of the real key, always: without it certmonger takes RSA 2048 for what was asked and re-keys on the next resubmit. */
  readonly keyType?: 'RSA' | 'EC';
  /** Bits. */
  readonly keySize?: number;
  readonly keyOwner?: string;
  readonly keyPerms?: number;
  readonly certificateOwner?: string;
  readonly certificatePerms?: number;
  readonly nssUser?: string;
  readonly preSaveCommand?: string;
  readonly postSaveCommand?: string;
  readonly subject?: string;
  /** Bit string as text. */
  readonly keyUsage?: string;
  /** OIDs. */
  readonly extendedKeyUsage?: readonly string[];
  readonly hostname?: readonly string[];
  readonly isCa?: boolean;
}

/** What a new request needs, and may have. Where it keeps key and certificate can never be changed afterwards. */
export interface NewRequest extends RequestChanges {
  /** The request id. Always given: certmonger busy-waits the whole daemon to make one up. */
  readonly nickname: string;
  readonly keyStorage: NewStorage;
  readonly certificateStorage: NewStorage;
}

export interface NewStorage {
  readonly type: 'NSSDB' | 'FILE';
  /** Absolute directory or file; may carry `sql:`. */
  readonly location: string;
  readonly nickname?: string;
  /** Never 'internal': certmonger looks for a token of that name. */
  readonly token?: string;
}

type Signature = 'b' | 's' | 'x' | 'as';

/** certmonger ignores an add_request key it does not know or whose type is another, so the types are nailed here (tdbush.c). */
const keys = {
  nickname: ['NICKNAME', 's'],
  profile: ['template-profile', 's'],
  monitoring: ['monitoring', 'b'],
  autorenew: ['autorenew', 'b'],
  keyPinFile: ['key-pin-file', 's'],
  keyPin: ['key-pin', 's'],
  keyType: ['key-type', 's'],
  keySize: ['key-size', 'x'],
  keyOwner: ['key-owner', 's'],
  keyPerms: ['key-perms', 'x'],
  certificateOwner: ['cert-owner', 's'],
  certificatePerms: ['cert-perms', 'x'],
  nssUser: ['nss-user', 's'],
  preSaveCommand: ['cert-presave-command', 's'],
  postSaveCommand: ['cert-postsave-command', 's'],
  subject: ['template-subject', 's'],
  keyUsage: ['template-ku', 's'],
  extendedKeyUsage: ['template-eku', 'as'],
  hostname: ['template-hostname', 'as'],
  isCa: ['template-is-ca', 'b'],
} as const satisfies Record<keyof RequestChanges, readonly [name: string, signature: Signature]>;

/** The `a{sv}` of modify; an empty list is left out: libdbus cannot tell its type and certmonger refuses it. */
export function changesOf(changes: RequestChanges, caPath: string | undefined): Record<string, Variant> {
  const ca = caPath === undefined ? {} : { ca: new Variant('o', caPath) };
  const rest = Object.fromEntries(
    Object.entries(keys).flatMap(([field, [name, signature]]) => {
      const value = changes[field as keyof RequestChanges];
      if (value === undefined || (Array.isArray(value) && value.length === 0)) return [];
      return [[name, new Variant(signature, value)]];
    }),
  );
  return { ...ca, ...rest };
}

/** The `a{sv}` of add_request. */
export function newRequestOf(request: NewRequest, caPath: string | undefined): Record<string, Variant> {
  return { ...storageOf('KEY', request.keyStorage), ...storageOf('CERT', request.certificateStorage), ...changesOf(request, caPath) };
}

function storageOf(what: 'KEY' | 'CERT', storage: NewStorage): Record<string, Variant> {
  const text = { STORAGE: storage.type, LOCATION: storage.location, NICKNAME: storage.nickname, TOKEN: storage.token };
  return Object.fromEntries(
    Object.entries(text).flatMap(([key, value]) => (value === undefined ? [] : [[`${what}_${key}`, new Variant('s', value)]])),
  );
}
