import type { Extension } from '../certificate.js';
import { element, objectIdentifier, sequence } from '../der.js';
import { encodeUri } from '../names/general-name.js';
import { oids } from '../oids.js';

/** Where the issuer's CRL lies: one point, its addresses alternatives for the same CRL (RFC 5280 §4.2.1.13). Addresses are ASCII. */
export function crlDistributionPointsExtension(urls: readonly [string, ...string[]]): Extension {
  return {
    oid: oids.crlDistributionPoints,
    critical: false,
    value: sequence(sequence(element(0xa0, element(0xa0, ...urls.map(encodeUri))))),
  };
}

/**
 * Where the issuer's OCSP responder answers and its certificate lies (RFC 5280 §4.2.2.1); undefined where neither is said. Addresses are
 * ASCII.
 */
export function authorityInformationExtension(ocsp: readonly string[], issuers: readonly string[]): Extension | undefined {
  const places = [...ocsp.map((url) => [oids.accessOcsp, url] as const), ...issuers.map((url) => [oids.accessCaIssuers, url] as const)];
  if (places.length === 0) return undefined;
  return {
    oid: oids.authorityInformationAccess,
    critical: false,
    value: sequence(...places.map(([method, url]) => sequence(objectIdentifier(method), encodeUri(url)))),
  };
}

/** The policies a certificate is issued under, dotted (RFC 5280 §4.2.1.4), without qualifiers. */
export function certificatePoliciesExtension(policies: readonly [string, ...string[]]): Extension {
  return {
    oid: oids.certificatePolicies,
    critical: false,
    value: sequence(...policies.map((policy) => sequence(objectIdentifier(policy)))),
  };
}
