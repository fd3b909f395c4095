import pkcs11js from 'pkcs11js';
import type { Cryptoki, Handle } from '../cryptoki.js';
import { attribute, findObjects } from './objects.js';

/** An object of whatever kind, by what it is called. */
export interface CountedObject {
  readonly kind: 'private key' | 'public key' | 'secret key' | 'certificate' | 'data object';
  readonly label: string;
}

/** What may be looked at; 'public' wants no PIN. */
export type CensusSight = 'everything' | 'public';

const kinds: readonly (readonly [number, CountedObject['kind']])[] = [
  [pkcs11js.CKO_PRIVATE_KEY, 'private key'],
  [pkcs11js.CKO_PUBLIC_KEY, 'public key'],
  [pkcs11js.CKO_SECRET_KEY, 'secret key'],
  [pkcs11js.CKO_CERTIFICATE, 'certificate'],
  [pkcs11js.CKO_DATA, 'data object'],
];

/**
 * Everything the token stores that somebody put there (PKCS#11 2.40 §4.1): session objects, hardware features and profiles are nobody's.
 */
export function census(cryptoki: Cryptoki, session: Handle): CountedObject[] {
  return kinds.flatMap(([value, kind]) => {
    const handles = findObjects(cryptoki, session, [
      { type: pkcs11js.CKA_CLASS, value },
      { type: pkcs11js.CKA_TOKEN, value: true },
    ]);
    return handles.map((handle) => ({ kind, label: attribute(cryptoki, session, handle, pkcs11js.CKA_LABEL)?.toString('utf8') ?? '' }));
  });
}
