import type { CaConfig } from '../../config/instance.js';
import type { Certificate, Extension } from '../../x509/certificate.js';
import { authorityInformationExtension, crlDistributionPointsExtension } from '../../x509/extensions/access-urls.js';
import { sameName } from '../../x509/names/name.js';
import { oids } from '../../x509/oids.js';

/** Where the CRL, the OCSP answers and the certificate of this CA are, as [ca] says. */
export function issuerPlaces({ crlUrls: [crl, ...moreCrls], ocspUrls, issuerUrls }: CaConfig): Extension[] {
  const information = authorityInformationExtension(ocspUrls, issuerUrls);
  return [
    ...(crl === undefined ? [] : [crlDistributionPointsExtension([crl, ...moreCrls])]),
    ...(information === undefined ? [] : [information]),
  ];
}

/** What speaks of who issued a certificate (RFC 5280 §4.2.1.7, §4.2.1.13, §4.2.1.15, §4.2.2.1). */
const ofIssuer: ReadonlySet<string> = new Set([
  oids.issuerAltName,
  oids.crlDistributionPoints,
  oids.freshestCrl,
  oids.authorityInformationAccess,
]);

/**
 * The extensions of a certificate that goes over from one CA to another: that other's CRL would not list what this one revokes, and its
 * OCSP responder would not know the certificate. As they are where the CA stays, under a new key or certificate too.
 */
export function withoutOtherIssuer({ extensions, issuer: was }: Certificate, issuer: Uint8Array): readonly Extension[] {
  return sameName(was, issuer) ? extensions : extensions.filter(({ oid }) => !ofIssuer.has(oid));
}
