import type { Database } from '../../../ledger/database.js';
import { issuedBySerial } from '../../../ledger/issued.js';
import type { CertificateId } from '../../../ledger/revocation.js';
import { sameName } from '../../../x509/names/name.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';

/** A CA as a CRL names it, and the key it signs with now. */
export interface CrlIssuer {
  /** DER. */
  readonly subject: Uint8Array;
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  readonly issuerKey: string;
}

/**
 * Which certificates a serial number (content octets, hex) on this CA's CRL means: the issuer's name and the number are all it tells (RFC
 * 5280 §5.3), so those of an earlier key too. The present key's where the ledger has none.
 */
export function idsOfSerial(ledger: Database, { subject, issuerKey }: CrlIssuer, serial: string): [CertificateId, ...CertificateId[]] {
  const [first, ...others] = issuedBySerial(ledger, serial)
    .filter((row) => row.issuerKey === issuerKey || sameName(parseCertificate(row.certificate).issuer, subject))
    .map((row) => ({ issuerKey: row.issuerKey, serial }));
  return first === undefined ? [{ issuerKey, serial }] : [first, ...others];
}
