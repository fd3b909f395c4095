import { signsOnlyPss } from '../../x509/public-key.js';
import type { Evidence, Refusal } from '../preflight.js';
import { otherwiseRenewed, unknownUntil } from '../certmonger-limits.js';

/**
 * certmonger compares a key's type and size with those it was told at every resubmit and generates a new key when they differ
 * (tdbush.c:3719); sizes it does not generate are rounded (keygen-n.c:557), those below its minimum raised, so they always differ.
 */
const minimumRsaBits = 1024;
const ecSizes: readonly number[] = [256, 384, 521];

export function keyKind({ seen, instance }: Pick<Evidence, 'seen' | 'instance'>): Refusal[] {
  return seen.flatMap(({ nickname, profile, certificate, key, keyFacts }): Refusal[] => {
    if (key === undefined || keyFacts === undefined || certificate === undefined) return [];
    const fault = signsOnlyPss(certificate.spki)
      ? `is bound to RSA-PSS, and certmonger signs its requests with RSA PKCS#1 v1.5 and ECDSA only (csrgen-n.c); ${unknownUntil}`
      : faultOf(keyFacts.type, keyFacts.bits);
    return fault === undefined
      ? []
      : [
          {
            check: 'key-kind',
            nickname,
            problem: `The key of '${nickname}' ${fault}.`,
            fix: `Leave this certificate out of the instance file, and ${otherwiseRenewed(instance, { nickname, profile })}; or issue it anew with an RSA key of at least 2048 bits or one on P-256, P-384 or P-521.`,
          },
        ];
  });
}

function faultOf(type: string, bits: number): string | undefined {
  if (type === 'RSA')
    return bits >= minimumRsaBits
      ? undefined
      : `has ${String(bits)} bits, below certmonger's minimum of ${String(minimumRsaBits)}, so certmonger would replace it`;
  if (type === 'EC')
    return ecSizes.includes(bits) ? undefined : `is on a curve certmonger does not know, so certmonger would replace it; ${unknownUntil}`;
  return `is ${type === 'other' ? 'of a kind' : `an ${type} key, which`} certmonger cannot use: it knows RSA and EC only; ${unknownUntil}`;
}
