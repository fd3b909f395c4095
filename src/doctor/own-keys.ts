import type { TokenKey } from '../pkcs11/token.js';
import { equalBytes } from '../x509/der.js';
import { sameKey } from '../x509/public-key.js';
import type { DoctorFacts } from './facts.js';
import type { KeyProof } from './facts/token.js';
import { sightingsOf } from './stores.js';

/** The private key on the token of one of the instance's certificates. */
export interface OwnKey {
  readonly nickname: string;
  readonly key: TokenKey;
  readonly proof?: KeyProof;
}

/** All of them, once a login has shown them; keys of others on the same token are nobody's business. */
export function ownKeys(facts: DoctorFacts): OwnKey[] {
  const { token } = facts;
  if (!token.known || token.value === 'none' || token.value.login?.ok !== true) return [];
  const { keys, proofs } = token.value.login;
  return sightingsOf(facts).flatMap(({ nickname, storage, certificate }): OwnKey[] => {
    if (storage.kind !== 'token' || certificate === undefined) return [];
    return keys
      .filter(({ spki }) => spki !== undefined && sameKey(spki, certificate.spki))
      .map((key) => {
        const proof = proofs.find((each) => equalBytes(each.key.id, key.id) && each.key.label === key.label);
        return { nickname, key, ...(proof === undefined ? {} : { proof }) };
      });
  });
}
