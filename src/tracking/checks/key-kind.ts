import type { Evidence, Refusal } from '../preflight.js';

/**
 * certmonger compares a key's type and size with those it was told at every resubmit and generates a new key when they differ
 * (tdbush.c:3719); sizes it does not generate are rounded (keygen-n.c:557), those below its minimum raised, so they always differ.
 */
const minimumRsaBits = 1024;
const ecSizes: readonly number[] = [256, 384, 521];

export function keyKind({ seen }: Evidence): Refusal[] {
  return seen.flatMap(({ nickname, key, keyFacts }): Refusal[] => {
    if (key === undefined || keyFacts === undefined) return [];
    const fault = faultOf(keyFacts.type, keyFacts.bits);
    return fault === undefined ? [] : [{ check: 'key-kind', nickname, problem: `The key of '${nickname}' ${fault}.`, fix: 'Leave this certificate out of the instance file, or issue it anew with an RSA key of at least 2048 bits.' }];
  });
}

function faultOf(type: string, bits: number): string | undefined {
  if (type === 'RSA') return bits >= minimumRsaBits ? undefined : `has ${String(bits)} bits, below certmonger's minimum of ${String(minimumRsaBits)}, so certmonger would replace it`;
  if (type === 'EC') return ecSizes.includes(bits) ? undefined : 'is on a curve certmonger does not know, so certmonger would replace it';
  return 'is of a kind certmonger cannot use: it knows RSA and EC only';
}
