import { createPublicKey, type KeyObject } from 'node:crypto';
import pkcs11js from 'pkcs11js';
import { HsmongerError } from '../../errors.js';
import { CKK_EC_EDWARDS, ulong, type Attribute, type Cryptoki, type Handle } from '../cryptoki.js';
import { nssKeyId } from './nss-key-id.js';
import { attribute, findObjects, flag } from './objects.js';
import { curveOf, spkiOf, withoutLeadingZeros, type PublicValue } from './public-value.js';
import { uriNames } from '../slots.js';
import type { KeyProtection, KeySelector, KeyType, TokenDescription, TokenKey } from '../token.js';
import { namingUri, type Pkcs11Uri } from '../uri.js';
import { parseSelector } from './selection.js';
import { hex } from '../../platform/hex.js';

/** Where objects are looked for: a session, logged in. */
export interface Shelf {
  readonly cryptoki: Cryptoki;
  readonly session: Handle;
  readonly token: TokenDescription;
}

/** A private key object and its handle, good in this session only. */
export interface KeyObjectOnToken {
  readonly handle: Handle;
  readonly key: TokenKey;
  /** CKA_ALWAYS_AUTHENTICATE: each use wants a login of its own. */
  readonly alwaysAuthenticate: boolean;
}

const privateKey: Attribute = { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY };
const publicKey: Attribute = { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PUBLIC_KEY };

/** Private keys that fit the template, described. */
export function privateKeys(shelf: Shelf, template: readonly Attribute[] = []): KeyObjectOnToken[] {
  return findObjects(shelf.cryptoki, shelf.session, [privateKey, ...template]).map((handle) => describeKey(shelf, handle));
}

/** Exactly one private key; KEY_NOT_FOUND or KEY_AMBIGUOUS otherwise. */
export function findPrivateKey(shelf: Shelf, selector: KeySelector): KeyObjectOnToken {
  const [found, another] = candidates(shelf, selector);
  const on = `on token '${shelf.token.label}'`;
  if (found === undefined)
    throw new HsmongerError(
      'KEY_NOT_FOUND',
      `There is no private key ${wanted(selector)} ${on}; check with 'hsmonger token keys' that this is the right token and that its user may see the key.`,
    );
  if (another !== undefined)
    throw new HsmongerError(
      'KEY_AMBIGUOUS',
      `There is more than one private key ${wanted(selector)} ${on}; give each key a CKA_ID of its own.`,
    );
  return found;
}

function candidates(shelf: Shelf, selector: KeySelector): KeyObjectOnToken[] {
  switch (selector.by) {
    case 'public-key':
      return byPublicKey(shelf, selector.spki, selector.id);
    case 'id':
      return privateKeys(shelf, [idOf(selector.id)]);
    case 'label':
      return privateKeys(shelf, [labelOf(selector.label)]);
    case 'uri':
      return byUri(shelf, namingUri(selector.uri));
    case 'name': {
      const named = parseSelector(selector.name);
      if (named.by === 'uri') return byUri(shelf, named.uri);
      const labelled = privateKeys(shelf, [labelOf(named.label)]);
      return labelled.length > 0 || named.id === undefined ? labelled : privateKeys(shelf, [idOf(named.id)]);
    }
  }
}

function byUri(shelf: Shelf, uri: Pkcs11Uri): KeyObjectOnToken[] {
  if (!uriNames(uri, shelf.token) || (uri.type ?? 'private') !== 'private') return [];
  return privateKeys(shelf, [...(uri.id === undefined ? [] : [idOf(uri.id)]), ...(uri.object === undefined ? [] : [labelOf(uri.object)])]);
}

/**
 * By CKA_ID first, as that is quick, then by value: two objects with the same public value are one key, and either signs. A key that does
 * not show its public value counts only by its CKA_ID and type, so there two are two.
 */
function byPublicKey(shelf: Shelf, spki: Uint8Array, id: Uint8Array | undefined): KeyObjectOnToken[] {
  const wantedKey = publicKeyOf(spki);
  const type = typeOf(wantedKey);
  // Exporting makes OpenSSL load its encoders, so it is left for certificates that wrap the key unusually (parameters absent, …).
  const fits = ({ key }: KeyObjectOnToken) =>
    key.spki !== undefined && (Buffer.from(key.spki).equals(spki) || wantedKey.export({ type: 'spki', format: 'der' }).equals(key.spki));
  const withId = id === undefined ? [] : privateKeys(shelf, [idOf(id)]);
  const sure = withId.find(fits);
  if (sure !== undefined) return [sure];
  const byNumber =
    type === 'RSA'
      ? privateKeys(shelf, [{ type: pkcs11js.CKA_MODULUS, value: modulusOf(wantedKey) }]).find(fits)
      : byPoint(shelf, wantedKey, type).find(fits);
  if (byNumber !== undefined) return [byNumber];
  // Some tokens keep a leading zero in CKA_MODULUS, some a bare or compressed point: compare them all.
  const byValue = privateKeys(shelf).find(fits);
  return byValue !== undefined ? [byValue] : withId.filter(({ key }) => key.spki === undefined && key.type === type);
}

/** A private key on a curve need not have its point: then the public key object that has it tells the CKA_ID. */
function byPoint(shelf: Shelf, key: KeyObject, type: KeyType): KeyObjectOnToken[] {
  const point = type === 'EC' || type === 'Ed25519' ? pointOf(key) : undefined;
  if (point === undefined) return [];
  const hasPoint: Attribute = { type: pkcs11js.CKA_EC_POINT, value: point };
  const ids = findObjects(shelf.cryptoki, shelf.session, [publicKey, hasPoint]).map((handle) =>
    attribute(shelf.cryptoki, shelf.session, handle, pkcs11js.CKA_ID),
  );
  return [
    ...privateKeys(shelf, [hasPoint]),
    ...ids.flatMap((id) => (id === undefined || id.length === 0 ? [] : privateKeys(shelf, [idOf(id)]))),
  ];
}

function publicKeyOf(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (error) {
    throw new HsmongerError(
      'KEY_UNUSABLE',
      'The public key whose private key is wanted cannot be read; the certificate that holds it is damaged or of an unknown kind.',
      { cause: error },
    );
  }
}

function modulusOf(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).n ?? '', 'base64url');
}

/** CKA_EC_POINT: the uncompressed point, or Ed25519's public key, in an OCTET STRING (PKCS#11 2.40 §2.3.3, 3.0 §2.3.5). */
function pointOf(key: KeyObject): Buffer {
  const { x = '', y } = key.export({ format: 'jwk' });
  const point = Buffer.concat([...(y === undefined ? [] : [Buffer.of(4)]), Buffer.from(x, 'base64url'), Buffer.from(y ?? '', 'base64url')]);
  return Buffer.concat([Buffer.from(point.length < 0x80 ? [0x04, point.length] : [0x04, 0x81, point.length]), point]);
}

function typeOf(key: KeyObject): KeyType {
  if (key.asymmetricKeyType === 'rsa') return 'RSA';
  if (key.asymmetricKeyType === 'ec') return 'EC';
  return key.asymmetricKeyType === 'ed25519' ? 'Ed25519' : 'other';
}

/** The private key object behind a handle. */
export function describeKey(shelf: Shelf, handle: Handle): KeyObjectOnToken {
  const { cryptoki, session } = shelf;
  const read = (type: number) => attribute(cryptoki, session, handle, type);
  const id = new Uint8Array(read(pkcs11js.CKA_ID) ?? []);
  const keyType = read(pkcs11js.CKA_KEY_TYPE);
  const rsa = keyType !== undefined && ulong(keyType) === pkcs11js.CKK_RSA;
  // Asking for an attribute that is not there makes an error of it, with a stack and all.
  const curve = rsa ? undefined : read(pkcs11js.CKA_EC_PARAMS);
  const type = keyTypeOf(keyType, curve);
  const label = read(pkcs11js.CKA_LABEL)?.toString('utf8') ?? '';
  const value = type === 'other' ? undefined : publicValue(shelf, handle, type, { id, label });
  const spki = value === undefined ? undefined : spkiOf(value);
  const is = (flagType: number, otherwise: boolean) => flag(cryptoki, session, handle, flagType, otherwise);
  return {
    handle,
    alwaysAuthenticate: is(pkcs11js.CKA_ALWAYS_AUTHENTICATE, false),
    key: {
      id,
      label,
      type,
      size: sizeOf(type, rsa ? read(pkcs11js.CKA_MODULUS) : undefined, curve),
      ...(spki === undefined ? {} : { spki }),
      sensitive: is(pkcs11js.CKA_SENSITIVE, false),
      extractable: is(pkcs11js.CKA_EXTRACTABLE, true),
      canSign: is(pkcs11js.CKA_SIGN, false),
    },
  };
}

/** How a private key object is protected. */
export function protectionOf({ cryptoki, session }: Shelf, handle: Handle): KeyProtection {
  const says = (type: number) => {
    const value = attribute(cryptoki, session, handle, type)?.[0];
    return value === undefined ? undefined : value !== 0;
  };
  return {
    private: says(pkcs11js.CKA_PRIVATE),
    alwaysSensitive: says(pkcs11js.CKA_ALWAYS_SENSITIVE),
    neverExtractable: says(pkcs11js.CKA_NEVER_EXTRACTABLE),
  };
}

/** From CKA_KEY_TYPE and CKA_EC_PARAMS. */
export function keyTypeOf(type: Buffer | undefined, parameters: Buffer | undefined): KeyType {
  const number = type === undefined ? undefined : ulong(type);
  if (number === pkcs11js.CKK_RSA) return 'RSA';
  if (number === pkcs11js.CKK_EC) return 'EC';
  return number === CKK_EC_EDWARDS && parameters !== undefined && curveOf(parameters)?.name === 'Ed25519' ? 'Ed25519' : 'other';
}

/** Bits, from CKA_MODULUS or CKA_EC_PARAMS; 0 where neither says. */
export function sizeOf(type: KeyType, modulus: Buffer | undefined, parameters: Buffer | undefined): number {
  if (type !== 'RSA') return parameters === undefined ? 0 : (curveOf(parameters)?.size ?? 0);
  const octets = withoutLeadingZeros(modulus ?? Buffer.alloc(0));
  return octets.length === 0 ? 0 : octets.length * 8 - (Math.clz32(octets[0] ?? 0) - 24);
}

/** From the private key object itself, else from the public key object with its CKA_ID. */
function publicValue(
  shelf: Shelf,
  handle: Handle,
  type: 'RSA' | 'EC' | 'Ed25519',
  { id, label }: Pick<TokenKey, 'id' | 'label'>,
): PublicValue | undefined {
  const own = valueOf(shelf, handle, type);
  if (own !== undefined || id.length === 0) return own;
  const companions = publicKeysOf(shelf, type, idOf(id));
  // Two public keys of one CKA_ID: which is this key's cannot be told.
  const [companion] = companions;
  if (companion === undefined) return leftBehind(shelf, type, { id, label });
  return companions.length > 1 ? undefined : valueOf(shelf, companion, type);
}

/**
 * A pair whose making was interrupted when the private key had the CKA_ID NSS computes from the public value, and the public key not yet:
 * that CKA_ID proves whose it is.
 */
function leftBehind(shelf: Shelf, type: 'RSA' | 'EC' | 'Ed25519', { id, label }: Pick<TokenKey, 'id' | 'label'>): PublicValue | undefined {
  if (label === '' || id.length !== sha1Octets) return undefined;
  return publicKeysOf(shelf, type, labelOf(label))
    .map((one) => valueOf(shelf, one, type))
    .find((value) => {
      const spki = value === undefined ? undefined : spkiOf(value);
      return spki !== undefined && nssKeyId(spki)?.equals(id) === true;
    });
}

const sha1Octets = 20;

function publicKeysOf({ cryptoki, session }: Shelf, type: 'RSA' | 'EC' | 'Ed25519', named: Attribute): Handle[] {
  const keyType = { RSA: pkcs11js.CKK_RSA, EC: pkcs11js.CKK_EC, Ed25519: CKK_EC_EDWARDS }[type];
  return findObjects(cryptoki, session, [publicKey, { type: pkcs11js.CKA_KEY_TYPE, value: keyType }, named]);
}

/** The public value in a key object, where it shows it. */
export function valueOf({ cryptoki, session }: Shelf, handle: Handle, type: 'RSA' | 'EC' | 'Ed25519'): PublicValue | undefined {
  const read = (attributeType: number) => {
    const value = attribute(cryptoki, session, handle, attributeType);
    return value === undefined || value.length === 0 ? undefined : value;
  };
  if (type === 'RSA') {
    const modulus = read(pkcs11js.CKA_MODULUS);
    const exponent = read(pkcs11js.CKA_PUBLIC_EXPONENT);
    return modulus === undefined || exponent === undefined ? undefined : { type, modulus, exponent };
  }
  const parameters = read(pkcs11js.CKA_EC_PARAMS);
  const point = read(pkcs11js.CKA_EC_POINT);
  return parameters === undefined || point === undefined ? undefined : { type, parameters, point };
}

function wanted(selector: KeySelector): string {
  switch (selector.by) {
    case 'public-key':
      return `for the public key${selector.id === undefined ? '' : ` (CKA_ID ${hex(selector.id)})`}`;
    case 'id':
      return `with CKA_ID ${hex(selector.id)}`;
    case 'label':
      return `with the label '${selector.label}'`;
    case 'uri':
      return `that fits '${selector.uri}'`;
    case 'name': {
      const named = parseSelector(selector.name);
      return named.by === 'uri'
        ? `that fits '${selector.name}'`
        : `with the label ${named.id === undefined ? '' : 'or CKA_ID '}'${named.label}'`;
    }
  }
}

function idOf(id: Uint8Array): Attribute {
  return { type: pkcs11js.CKA_ID, value: Buffer.from(id) };
}

function labelOf(label: string): Attribute {
  return { type: pkcs11js.CKA_LABEL, value: label };
}
