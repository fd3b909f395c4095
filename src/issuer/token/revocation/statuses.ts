import type { Database } from '../../../ledger/database.js';
import { isIssued } from '../../../ledger/issued.js';
import { findRevocation, findTold } from '../../../ledger/revocation.js';
import type { CertId } from '../../../x509/ocsp/cert-id.js';
import type { CertificateStatus } from '../../../x509/ocsp/response.js';

/** One certificate that was asked about, and how it stands. */
export interface Standing {
  readonly certId: CertId;
  readonly status: CertificateStatus;
}

/**
 * How each stands by the ledger as it is now. Good is what this CA issued and did not revoke; a serial number it never used is unknown, for
 * whoever calls that good vouches for forged certificates (RFC 6960 §2.2). Undefined where none is this CA's: it cannot speak for another.
 */
export function standingsOf(
  ledger: Database,
  issuerKey: string,
  isOurs: (certId: CertId) => boolean,
  certIds: readonly CertId[],
): readonly Standing[] | undefined {
  if (!certIds.some(isOurs)) return undefined;
  return certIds.map((certId) => ({
    certId,
    status: isOurs(certId) ? statusOf(ledger, issuerKey, Buffer.from(certId.serial).toString('hex')) : { kind: 'unknown' },
  }));
}

function statusOf(ledger: Database, issuerKey: string, serial: string): CertificateStatus {
  const revocation = findRevocation(ledger, { issuerKey, serial }) ?? findTold(ledger, { issuerKey, serial });
  if (revocation === undefined) return { kind: isIssued(ledger, issuerKey, serial) ? 'good' : 'unknown' };
  const { at, reason, invalidity } = revocation;
  return { kind: 'revoked', at, reason, ...(invalidity === undefined ? {} : { invalidity }) };
}
