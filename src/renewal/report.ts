import { createHash } from 'node:crypto';
import type { ErrorCode } from '../errors.js';
import type { SavingStep } from '../ledger/journal.js';
import type { Certificate } from '../x509/certificate.js';

/** A certificate in a report: plain values only, for it travels between processes. */
export interface ReportedCertificate {
  /** Hex. */
  readonly serial: string;
  /** ISO 8601. */
  readonly notAfter: string;
  /** SHA-256 of the DER, hex. */
  readonly sha256: string;
}

export interface SaveReport {
  readonly nickname: string;
  readonly steps: readonly SavingStep[];
  readonly newCertificate: ReportedCertificate;
  /** Superseded ones, with the file each is kept in. */
  readonly removed: readonly (ReportedCertificate & { readonly file: string })[];
  /** Whole sentences. */
  readonly warnings: readonly string[];
  /** The unit root restarts now; finishSaving() once that is done. Absent: the saving is done. */
  readonly restart?: string;
}

/** What became of one interrupted saving. */
export type Resumed = { readonly ok: true; readonly report: SaveReport } | { readonly ok: false; readonly nickname: string; readonly code: ErrorCode; readonly message: string };

export function reported(certificate: Certificate): ReportedCertificate {
  return { serial: Buffer.from(certificate.serial).toString('hex'), notAfter: certificate.notAfter.toISOString(), sha256: sha256(certificate) };
}

/** SHA-256 of the DER, hex. */
export function sha256({ der }: Certificate): string {
  return createHash('sha256').update(der).digest('hex');
}
