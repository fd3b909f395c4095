import pkcs11js from 'pkcs11js';
import { HsmongerError } from '../../errors.js';
import { changeId, type Identified } from './change-id.js';
import type { Attribute, Handle } from '../cryptoki.js';
import { privateKeys, type Shelf } from './keys.js';
import { attribute, findObjects } from './objects.js';
import { publicKeys } from './public-keys.js';
import { certificateObject } from './store-certificate.js';
import { hex } from '../../platform/hex.js';

/** A key pair and its certificates, named so that they are found however far an earlier move came. */
export interface IdMove {
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** CKA_ID of the private key before the first change. */
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  /** DER: those with this key. */
  readonly certificates: readonly Uint8Array[];
}

/**
 * Gives the private key, its public key and its certificates the CKA_ID `to`, in this order. `begin` is called when nothing stands in the
 * way any more, before the first change. 'refused': the module lets no CKA_ID be changed, and all is as it was. OBJECT_EXISTS where
 * something else has that id.
 */
export function moveId(shelf: Shelf, move: IdMove, begin: () => void): 'moved' | 'nothing to do' | 'refused' {
  const objects = [thePrivateKey(shelf, move), ...publicOnes(shelf, move), ...certificates(shelf, move)];
  const to = Buffer.from(move.to);
  assertFreeId(
    shelf,
    to,
    objects.map(({ handle }) => handle),
    'no CKA_ID was changed. Give the other its own first',
  );
  const wrong = objects.filter(({ id }) => !to.equals(id));
  if (wrong.length === 0) return 'nothing to do';
  begin();
  return changeId(shelf, wrong, to) === 'changed' ? 'moved' : 'refused';
}

/** A key that does not show its public value is taken for this one where it alone has one of the two ids. */
function thePrivateKey(shelf: Shelf, { spki, from, to }: IdMove): Identified {
  const ids = Buffer.from(from).equals(to) ? [from] : [from, to];
  const found = ids.flatMap((id) => privateKeys(shelf, [{ type: pkcs11js.CKA_ID, value: Buffer.from(id) }]));
  const sure = found.filter(({ key }) => key.spki !== undefined && Buffer.from(key.spki).equals(spki));
  const [one, another] = sure.length > 0 ? sure : found.filter(({ key }) => key.spki === undefined);
  const on = `on token '${shelf.token.label}'`;
  if (one === undefined)
    throw new HsmongerError('KEY_NOT_FOUND', `The private key with CKA_ID ${hex(from)} is no longer ${on}, so no CKA_ID was changed.`);
  if (another !== undefined)
    throw new HsmongerError(
      'KEY_AMBIGUOUS',
      `There are two private keys ${on} of which either may be meant by CKA_ID ${hex(from)}; no CKA_ID was changed.`,
    );
  return { handle: one.handle, id: one.key.id };
}

function publicOnes(shelf: Shelf, { spki }: IdMove): Identified[] {
  return publicKeys(shelf).flatMap(({ handle, key }) =>
    key.spki !== undefined && Buffer.from(key.spki).equals(spki) ? [{ handle, id: key.id }] : [],
  );
}

function certificates({ cryptoki, session }: Shelf, move: IdMove): Identified[] {
  const wanted = move.certificates.map((der) => Buffer.from(der));
  const read = (object: Handle, type: number) => attribute(cryptoki, session, object, type);
  return findObjects(cryptoki, session, [...certificateObject]).flatMap((handle) => {
    const value = read(handle, pkcs11js.CKA_VALUE);
    return wanted.some((der) => value?.equals(der) === true) ? [{ handle, id: read(handle, pkcs11js.CKA_ID) ?? Buffer.alloc(0) }] : [];
  });
}

/** OBJECT_EXISTS where another object of a key pair or its certificate has the CKA_ID; `outcome` ends the sentence. */
export function assertFreeId({ cryptoki, session, token }: Shelf, id: Buffer, own: readonly Handle[], outcome: string): void {
  const classes: readonly (readonly [string, readonly Attribute[]])[] = [
    ['private key', [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY }]],
    ['public key', [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PUBLIC_KEY }]],
    ['certificate', certificateObject],
  ];
  for (const [what, template] of classes) {
    const strangers = findObjects(cryptoki, session, [...template, { type: pkcs11js.CKA_ID, value: id }]).filter(
      (object) => !own.some((handle) => handle.equals(object)),
    );
    if (strangers.length > 0)
      throw new HsmongerError(
        'OBJECT_EXISTS',
        `Another ${what} on token '${token.label}' has the CKA_ID ${hex(id)} already, and it would be taken for this key's; ${outcome}.`,
      );
  }
}
