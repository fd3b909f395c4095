import * as v from 'valibot';

/**
 * Dogtag cuts a CA certificate's life at that of the CA certificate in use, so a CA's renewal would change nothing; the one who approves it
 * may lift that with this value of the review (CAValidityDefault.java; FreeIPA's helper does the same). A profile without it is cut anyway.
 */
export const outliving = { name: 'bypassCAnotafter', value: 'true' } as const;

const policyAttribute = v.looseObject({ name: v.literal(outliving.name), Value: v.nullish(v.string()) });

/** A review in JSON (CertReviewResponse) with that one value of its policies set, and the rest as it came. */
export function letOutlive(review: string): string {
  const parsed = JSON.parse(review) as { ProfilePolicySet?: unknown };
  return JSON.stringify({
    ...parsed,
    ...(parsed.ProfilePolicySet === undefined ? {} : { ProfilePolicySet: lifted(parsed.ProfilePolicySet) }),
  });
}

function lifted(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(lifted);
  if (typeof node !== 'object' || node === null) return node;
  if (v.is(policyAttribute, node)) return { ...node, Value: outliving.value };
  return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, lifted(value)]));
}
