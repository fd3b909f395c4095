import type { CrlRow } from '../../../ledger/crls.js';
import type { RevokedRow } from '../../../ledger/revocation.js';
import type { Certificate } from '../../../x509/certificate.js';
import type { CrlEntry } from '../../../x509/crl/build.js';
import { sameName } from '../../../x509/names/name.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { keyFingerprint } from '../../../x509/public-key.js';

/**
 * What the CRL of this issuer lists: every certificate of its name, whichever of its keys signed it, until it has been on one CRL that was
 * made after it expired (RFC 5280 §3.3). `last`: the latest that was published.
 */
export function crlEntries(revoked: readonly RevokedRow[], issuer: Certificate, last: Pick<CrlRow, 'thisUpdate'> | undefined): CrlEntry[] {
  const key = keyFingerprint(issuer.spki);
  const issuedHere = ({ issuerKey, certificate }: RevokedRow) =>
    issuerKey === key || sameName(parseCertificate(certificate).issuer, issuer.subject);
  return revoked
    .filter((row) => !listedPastExpiry(row, last) && issuedHere(row))
    .map(({ serial, at, reason, invalidity }) => ({
      serial: Uint8Array.from(Buffer.from(serial, 'hex')),
      revokedAt: at,
      reason,
      ...(invalidity === undefined ? {} : { invalidity }),
    }));
}

function listedPastExpiry({ notAfter, at }: RevokedRow, last: Pick<CrlRow, 'thisUpdate'> | undefined): boolean {
  return last !== undefined && last.thisUpdate > notAfter && last.thisUpdate >= at;
}
