import type { Instance } from '../config/instance.js';
import type { StoreFacts } from './facts.js';
import type { Objects } from './sightings.js';

/** A PKCS#11 token certmonger saves to: what it deletes there by nickname and subject, it deletes in that one store. */
export interface ObjectStore extends Objects {
  readonly kind: 'token' | 'internal';
  /** For messages: "the token 'hsm'". */
  readonly name: string;
}

/** The stores of the instance's certificates that hold objects; files are none. */
export function objectStores(
  { nss: { database } }: Pick<Instance, 'nss'>,
  { token, nss }: Pick<StoreFacts, 'token' | 'nss'>,
): ObjectStore[] {
  return [
    ...(token === undefined
      ? []
      : [{ kind: 'token', name: `the token '${token.description.label}'`, certificates: token.certificates, keys: token.keys } as const]),
    ...(nss.internal === undefined
      ? []
      : [
          {
            kind: 'internal',
            name: `the NSS database ${database}`,
            certificates: nss.internal.certificates,
            keys: nss.internal.keys,
          } as const,
        ]),
  ];
}
