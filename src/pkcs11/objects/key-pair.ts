import { randomBytes } from 'node:crypto';
import pkcs11js from 'pkcs11js';
import { HsmongerError } from '../../errors.js';
import { returnValueOf, tokenFailure } from '../ckr.js';
import { CKK_EC_EDWARDS, CKM_EC_EDWARDS_KEY_PAIR_GEN, type Attribute, type Handle, type Mechanism } from '../cryptoki.js';
import { changeId } from './change-id.js';
import { describeKey, privateKeys, protectionOf, type KeyObjectOnToken, type Shelf } from './keys.js';
import type { KeyPairType } from './key-type.js';
import { mechanismName } from '../signing/mechanisms.js';
import { assertFreeId } from './move-id.js';
import { nssKeyId } from './nss-key-id.js';
import { attribute, flag } from './objects.js';
import { assertLabel } from './object-label.js';
import { publicKeys } from './public-keys.js';
import { hex } from '../../platform/hex.js';

/** A key pair to be made. */
export interface KeyPairOrder {
  readonly type: KeyPairType;
  /** CKA_LABEL of both objects; new on the token unless `id` is given. */
  readonly label: string;
  /** CKA_ID of both objects, new on the token. Default: the one NSS computes from the public value. */
  readonly id?: Uint8Array;
}

interface Pair {
  readonly publicKey: Handle;
  readonly privateKey: Handle;
}

/** How a kind of key is made. Where there are several parameters, tokens differ in which of them they take. */
interface Way {
  readonly mechanism: number;
  readonly publicParts: readonly (readonly Attribute[])[];
  readonly privatePart: readonly Attribute[];
}

/**
 * A CA's key signs and does nothing else. Said for curves as well: SoftHSM lets their keys unwrap where nothing is said; but of decrypting,
 * which no curve here does, only afterwards. A wish: tpm2-pkcs11 has no key that cannot decrypt, and fails over it.
 */
const signsOnly = (kind: KeyPairType['kind']): readonly Attribute[] =>
  [...(kind === 'RSA' ? [pkcs11js.CKA_DECRYPT] : []), pkcs11js.CKA_UNWRAP, pkcs11js.CKA_DERIVE].map((attributeType) => ({
    type: attributeType,
    value: false,
  }));

const f4 = Buffer.from([1, 0, 1]);
const curveParameters = { 'P-256': '06082a8648ce3d030107', 'P-384': '06052b81040022', 'P-521': '06052b81040023' } as const;
/** PKCS#11 3.0 §2.3.5: an object identifier or a PrintableString "edwards25519". */
const edwardsParameters = ['06032b6570', '130c656477617264733235353139'] as const;
const parameters = (hex: string): Attribute => ({ type: pkcs11js.CKA_EC_PARAMS, value: Buffer.from(hex, 'hex') });

function wayOf(type: KeyPairType): Way {
  switch (type.kind) {
    case 'RSA':
      return {
        mechanism: pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN,
        publicParts: [
          [
            { type: pkcs11js.CKA_MODULUS_BITS, value: type.bits },
            { type: pkcs11js.CKA_PUBLIC_EXPONENT, value: f4 },
          ],
        ],
        privatePart: [],
      };
    case 'EC':
      return { mechanism: pkcs11js.CKM_EC_KEY_PAIR_GEN, publicParts: [[parameters(curveParameters[type.curve])]], privatePart: [] };
    case 'Ed25519':
      return {
        mechanism: CKM_EC_EDWARDS_KEY_PAIR_GEN,
        publicParts: edwardsParameters.map((hex) => [{ type: pkcs11js.CKA_KEY_TYPE, value: CKK_EC_EDWARDS }, parameters(hex)]),
        privatePart: [{ type: pkcs11js.CKA_KEY_TYPE, value: CKK_EC_EDWARDS }],
      };
  }
}

/**
 * Makes a key pair that never leaves the token, and proves it by what the token says afterwards. OBJECT_EXISTS where label or id are taken,
 * MECHANISM_UNSUPPORTED where the token makes no such keys, KEY_UNUSABLE where it made one that could leave it.
 * A token that lets no CKA_ID be changed keeps the random one the pair was made with: compare `id` with nssKeyId(`spki`).
 */
export async function generateKeyPair(shelf: Shelf, slot: Handle, order: KeyPairOrder): Promise<KeyObjectOnToken> {
  assertLabel(order.label, 'A key');
  assertNew(shelf, order);
  const id = Buffer.from(order.id ?? randomBytes(20));
  const pair = await generate(shelf, slot, order, id);
  try {
    return finished(shelf, pair, order, id);
  } catch (error) {
    // It is there, and must be found: the next attempt is told so too.
    throw tokenFailure(error, `Token '${shelf.token.label}' made the key '${order.label}', which is kept, and finishing it`);
  }
}

function finished(shelf: Shelf, { privateKey, publicKey }: Pair, { type, id: given }: KeyPairOrder, id: Buffer): KeyObjectOnToken {
  if (type.kind !== 'RSA') forbidDecrypting(shelf, privateKey);
  const made = describeKey(shelf, privateKey);
  const wanted = given === undefined && made.key.spki !== undefined ? nssKeyId(made.key.spki) : undefined;
  if (wanted !== undefined)
    changeId(
      shelf,
      [privateKey, publicKey].map((handle) => ({ handle, id })),
      wanted,
    );
  const key = describeKey(shelf, privateKey);
  assertStays(shelf, key);
  return key;
}

function forbidDecrypting({ cryptoki, session }: Shelf, key: Handle): void {
  try {
    cryptoki.C_SetAttributeValue(session, key, [{ type: pkcs11js.CKA_DECRYPT, value: false }]);
  } catch (error) {
    // A module that lets nothing be changed: no mechanism decrypts with such a key all the same.
    if (returnValueOf(error) === undefined) throw error;
  }
}

function assertNew(shelf: Shelf, { label, id }: KeyPairOrder): void {
  if (id !== undefined) {
    if (id.length === 0) throw new HsmongerError('USAGE', 'A key needs a CKA_ID of at least one octet.');
    assertFreeId(shelf, Buffer.from(id), [], 'no key was made. Give the new one another id');
    return;
  }
  const [present] = privateKeys(shelf, [{ type: pkcs11js.CKA_LABEL, value: label }]);
  if (present !== undefined)
    throw new HsmongerError(
      'OBJECT_EXISTS',
      `There is a private key with the label '${label}' on token '${shelf.token.label}' already, ${described(shelf, present)}; use it, or give the new one another label.`,
    );
}

/** An attempt that was interrupted leaves a pair, or its public key, with the CKA_ID it was made with. */
function described(shelf: Shelf, { key: { type, size, id, spki } }: KeyObjectOnToken): string {
  const its = `${type} ${String(size)} with CKA_ID ${hex(id)}`;
  const wanted = spki === undefined ? undefined : nssKeyId(spki);
  if (wanted === undefined) return its;
  const ids = [
    id,
    ...publicKeys(shelf).flatMap(({ key }) => (key.spki !== undefined && nssKeyId(key.spki)?.equals(wanted) === true ? [key.id] : [])),
  ];
  return ids.every((one) => wanted.equals(one)) ? its : `${its} ('hsmonger token move-id ${hex(id)}' gives the pair the one NSS looks for)`;
}

/** Answers to parameters of another form than the token takes; that SoftHSM has the last for it was tried. */
const otherForm: ReadonlySet<string | undefined> = new Set([
  'CKR_ATTRIBUTE_VALUE_INVALID',
  'CKR_DOMAIN_PARAMS_INVALID',
  'CKR_TEMPLATE_INCONSISTENT',
  'CKR_CURVE_NOT_SUPPORTED',
  'CKR_GENERAL_ERROR',
  'CKR_FUNCTION_FAILED',
]);

async function generate(shelf: Shelf, slot: Handle, { type, label }: KeyPairOrder, id: Buffer): Promise<Pair> {
  const { cryptoki, session, token } = shelf;
  const { mechanism, publicParts, privatePart } = wayOf(type);
  assertMakes(shelf, slot, type, mechanism);
  const named: Attribute[] = [
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_LABEL, value: label },
    { type: pkcs11js.CKA_ID, value: id },
  ];
  const privateTemplate: Attribute[] = [
    ...named,
    { type: pkcs11js.CKA_PRIVATE, value: true },
    { type: pkcs11js.CKA_SENSITIVE, value: true },
    { type: pkcs11js.CKA_EXTRACTABLE, value: false },
    { type: pkcs11js.CKA_SIGN, value: true },
    ...privatePart,
  ];
  const wish: Mechanism = { mechanism };
  const refused = (error: unknown) => tokenFailure(error, `Making a key on token '${token.label}'`, 'making a key');
  let refusal: unknown;
  for (const limits of [signsOnly(type.kind), []]) {
    for (const publicPart of publicParts) {
      try {
        return await cryptoki.C_GenerateKeyPairAsync(
          session,
          wish,
          [...named, { type: pkcs11js.CKA_PRIVATE, value: false }, { type: pkcs11js.CKA_VERIFY, value: true }, ...publicPart],
          [...privateTemplate, ...limits],
        );
      } catch (error) {
        refusal = error;
        if (!otherForm.has(returnValueOf(error))) throw refused(error);
      }
    }
  }
  throw refused(refusal);
}

/** Asked of the token before the attempt: what it answers to one is as often as not CKR_FUNCTION_FAILED. */
function assertMakes({ cryptoki, token }: Shelf, slot: Handle, type: KeyPairType, mechanism: number): void {
  const refusal = (why: string) =>
    new HsmongerError('MECHANISM_UNSUPPORTED', `Token '${token.label}' ${why}; choose another type ('hsmonger token list --mechanisms').`);
  if (!cryptoki.C_GetMechanismList(slot).includes(mechanism))
    throw refusal(`lists no ${mechanismName(mechanism)}, so it makes no ${type.kind} keys`);
  const limits = cryptoki.C_GetMechanismInfo(slot, mechanism);
  const { minKeySize = 0, maxKeySize = 0 } = limits;
  if (!withinLimits(type, limits))
    throw refusal(
      `makes ${type.kind} keys of ${String(minKeySize)} to ${String(maxKeySize)} bits, and none of ${String(sizeOf(type)?.bits)}`,
    );
}

/** Whether the limits of the mechanism (CK_MECHANISM_INFO) allow such a key, as far as they mean anything. */
export function withinLimits(
  type: KeyPairType,
  { minKeySize = 0, maxKeySize = 0 }: { readonly minKeySize?: number; readonly maxKeySize?: number },
): boolean {
  const size = sizeOf(type);
  return size === undefined || maxKeySize < size.smallestLimit || (size.bits >= minKeySize && size.bits <= maxKeySize);
}

/** What such a key is made with: CKM_…. */
export function makingMechanism(type: KeyPairType): string {
  return mechanismName(wayOf(type).mechanism);
}

/**
 * In bits, as the mechanism's limits count (PKCS#11 2.40 §2.1.4, §2.3.5). Zero is no limit, and some modules count in octets: a largest size
 * below `smallestLimit` is taken for one of those. Of Edwards curves modules say what they please.
 */
function sizeOf(type: KeyPairType): { readonly bits: number; readonly smallestLimit: number } | undefined {
  switch (type.kind) {
    case 'RSA':
      return { bits: type.bits, smallestLimit: 1024 };
    case 'EC':
      return { bits: Number(type.curve.slice('P-'.length)), smallestLimit: 112 };
    case 'Ed25519':
      return undefined;
  }
}

/**
 * What was asked for is no proof: some modules ignore attributes they do not know. The key is left where it is, as every key (design rule
 * 2).
 */
function assertStays(shelf: Shelf, { handle, key }: KeyObjectOnToken): void {
  const { cryptoki, session, token } = shelf;
  const { private: hidden, alwaysSensitive, neverExtractable } = protectionOf(shelf, handle);
  const faults = [
    ...(flag(cryptoki, session, handle, pkcs11js.CKA_TOKEN, false) ? [] : ['CKA_TOKEN is not true']),
    ...(hidden === true ? [] : ['CKA_PRIVATE is not true']),
    ...(key.sensitive ? [] : ['CKA_SENSITIVE is not true']),
    ...(key.extractable ? ['CKA_EXTRACTABLE is not false'] : []),
    ...(alwaysSensitive === false ? ['CKA_ALWAYS_SENSITIVE is false'] : []),
    ...(neverExtractable === false ? ['CKA_NEVER_EXTRACTABLE is false'] : []),
    ...(key.canSign ? [] : ['CKA_SIGN is not true']),
    ...(attribute(cryptoki, session, handle, pkcs11js.CKA_ID)?.length === 0 ? ['CKA_ID is empty'] : []),
  ];
  if (faults.length > 0) {
    throw new HsmongerError(
      'KEY_UNUSABLE',
      `Token '${token.label}' made the key '${key.label}' (CKA_ID ${Buffer.from(key.id).toString('hex')}), but not as it was asked to: ${faults.join(', ')}. Do not use this key; remove it with the vendor's tool, and make no keys with this module until its policy is mended.`,
    );
  }
}
