import type { Refusal, TokenEvidence } from '../preflight.js';
import { otherwiseRenewed, unknownUntil } from '../certmonger-limits.js';

const needed: Readonly<Record<string, string>> = { RSA: 'CKM_RSA_PKCS', EC: 'CKM_ECDSA' };

/**
 * NSS hashes itself and has the token sign the digest (SEC_SignData, called by csrgen-n.c): what a token does only together with the hash
 * is of no use to it.
 */
export function tokenSigns({
  seen,
  token: { description, mechanisms },
  instance,
}: Pick<TokenEvidence, 'seen' | 'instance'> & { readonly token: Pick<TokenEvidence['token'], 'description' | 'mechanisms'> }): Refusal[] {
  return seen.flatMap(({ nickname, profile, storage, keyFacts }): Refusal[] => {
    const mechanism = needed[keyFacts?.type ?? ''];
    if (storage.kind !== 'token' || mechanism === undefined || mechanisms.includes(mechanism)) return [];
    return [
      {
        check: 'token-signs',
        nickname,
        problem: `The token '${description.label}' does not list ${mechanism}, with which certmonger signs the request for '${nickname}'; ${unknownUntil}.`,
        fix: `Allow ${mechanism} in the HSM's policy for this partition; otherwise leave the certificate out of ${instance.file}, and ${otherwiseRenewed(instance, { nickname, profile })}.`,
      },
    ];
  });
}
