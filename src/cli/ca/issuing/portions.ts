import type { NamedRequest } from '../../../issuer/token/issuance/results.js';

/**
 * What one child of ours is given: what it answers has to fit into its reply. A certificate is as long as its request and some hundred
 * octets more; a preview of it three times as long.
 */
const most = { requests: 10_000, octets: 8 * 1024 * 1024 };

/** The requests, in their order, in portions for one child each. */
export function portionsOf<T extends NamedRequest>(requests: readonly T[]): T[][] {
  const portions: T[][] = [];
  let octets = Infinity;
  for (const request of requests) {
    const portion = portions.at(-1);
    octets += request.csr.length;
    if (portion === undefined || portion.length >= most.requests || octets > most.octets) {
      portions.push([request]);
      octets = request.csr.length;
    } else portion.push(request);
  }
  return portions;
}
