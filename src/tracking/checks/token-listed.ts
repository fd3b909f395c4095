import { unknownUntil } from '../certmonger-limits.js';
import type { Refusal, TokenEvidence } from '../preflight.js';

/** keyiread looks only at tokens that list RSA key generation, whatever the key's type (keyiread-n.c:148). */
export function tokenListed({
  token: { description, mechanisms },
}: {
  readonly token: Pick<TokenEvidence['token'], 'description' | 'mechanisms'>;
}): Refusal[] {
  return mechanisms.includes('CKM_RSA_PKCS_KEY_PAIR_GEN')
    ? []
    : [
        {
          check: 'token-listed',
          problem: `The token '${description.label}' does not list CKM_RSA_PKCS_KEY_PAIR_GEN, and certmonger sees only tokens that do, even for keys of another type and keys it never generates; ${unknownUntil}.`,
          fix: "Allow RSA key generation in the HSM's policy for this partition (hsmonger never uses it); otherwise leave what lies there out of the instance file and renew it with 'hsmonger ca issue'.",
        },
      ];
}
