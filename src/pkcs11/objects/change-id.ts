import pkcs11js from 'pkcs11js';
import { returnValueOf } from '../ckr.js';
import type { Handle } from '../cryptoki.js';
import type { Shelf } from './keys.js';

/** An object and the CKA_ID it has. */
export interface Identified {
  readonly handle: Handle;
  readonly id: Uint8Array;
}

/** Answers of modules that let no CKA_ID be changed: whether they do is up to them (PKCS#11 2.40 §4.1.1, C_SetAttributeValue §5.7). */
const fixed: ReadonlySet<string | undefined> = new Set([
  'CKR_ATTRIBUTE_READ_ONLY',
  'CKR_ACTION_PROHIBITED',
  'CKR_FUNCTION_NOT_SUPPORTED',
  'CKR_ATTRIBUTE_TYPE_INVALID',
  'CKR_TEMPLATE_INCONSISTENT',
  'CKR_ATTRIBUTE_VALUE_INVALID',
  'CKR_FUNCTION_FAILED',
  'CKR_VENDOR_DEFINED',
]);

/** Gives all objects the CKA_ID `to`, or none: 'refused' where the module lets one not be changed, and then all have their own again. */
export function changeId(
  { cryptoki, session }: Pick<Shelf, 'cryptoki' | 'session'>,
  objects: readonly Identified[],
  to: Uint8Array,
): 'changed' | 'refused' {
  const set = (object: Handle, id: Uint8Array) =>
    cryptoki.C_SetAttributeValue(session, object, [{ type: pkcs11js.CKA_ID, value: Buffer.from(id) }]);
  const done: Identified[] = [];
  try {
    for (const object of objects) {
      set(object.handle, to);
      done.push(object);
    }
    return 'changed';
  } catch (error) {
    if (!fixed.has(returnValueOf(error))) throw error;
    for (const { handle, id } of done.reverse()) set(handle, id);
    return 'refused';
  }
}
