import { returnValueOf } from '../ckr.js';
import type { Attribute, Cryptoki, Handle } from '../cryptoki.js';

const atOnce = 64;

/** Handles of all objects that fit. The search is always ended: a session allows one at a time. */
export function findObjects(cryptoki: Cryptoki, session: Handle, template: Attribute[]): Handle[] {
  cryptoki.C_FindObjectsInit(session, template);
  try {
    const found: Handle[] = [];
    for (let batch = cryptoki.C_FindObjects(session, atOnce); batch.length > 0; batch = cryptoki.C_FindObjects(session, atOnce))
      found.push(...batch);
    return found;
  } finally {
    cryptoki.C_FindObjectsFinal(session);
  }
}

const withheld: ReadonlySet<string | undefined> = new Set(['CKR_ATTRIBUTE_SENSITIVE', 'CKR_ATTRIBUTE_TYPE_INVALID']);

/**
 * One attribute's octets; undefined where the object has none or the token keeps it to itself. Asked one by one: a single withheld
 * attribute makes pkcs11js throw the others away.
 */
export function attribute(cryptoki: Cryptoki, session: Handle, object: Handle, type: number): Buffer | undefined {
  try {
    const value = cryptoki.C_GetAttributeValue(session, object, [{ type }])[0]?.value;
    return Buffer.isBuffer(value) ? value : undefined;
  } catch (error) {
    if (withheld.has(returnValueOf(error))) return undefined;
    throw error;
  }
}

/** A CK_BBOOL attribute; `otherwise` where the object does not say. */
export function flag(cryptoki: Cryptoki, session: Handle, object: Handle, type: number, otherwise: boolean): boolean {
  const value = attribute(cryptoki, session, object, type);
  return value === undefined || value.length === 0 ? otherwise : value[0] !== 0;
}
