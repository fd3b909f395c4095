import { createHash } from 'node:crypto';
import type { ErrorCode } from '../errors.js';
import type { JournalEntry, Left, SavingStep } from '../ledger/journal.js';
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
  /** How many superseded ones stay on a shared token for now. */
  readonly retained: number;
  /** Whole sentences. */
  readonly warnings: readonly string[];
  /** The unit root restarts now; finishSaving() once that is done. Absent: the saving itself is done. */
  readonly restart?: string;
  /** Follow-ups that are tried again, and after how many seconds root sees to it. */
  readonly left: readonly Left[];
  readonly retryAfterSeconds: number;
}

/** What became of one interrupted saving. */
export type Resumed =
  | { readonly ok: true; readonly report: SaveReport }
  | {
      readonly ok: false;
      readonly nickname: string;
      readonly code: ErrorCode;
      readonly message: string;
      readonly retryAfterSeconds: number;
    };

/** As long again as it has been waiting, from a minute up to an hour: seconds. */
export function retryDelay({ startedAt }: Pick<JournalEntry, 'startedAt'>, now: Date): number {
  return Math.round(Math.min(3600, Math.max(60, (now.getTime() - startedAt.getTime()) / 1000)));
}

/**
 * Whether an interrupted saving has waited long enough since it was last tried: a try may stop the PKI server, and one that fails each time
 * must not keep it down.
 */
export function isDue({ startedAt, updatedAt }: Pick<JournalEntry, 'startedAt' | 'updatedAt'>, now: Date): boolean {
  const waited = now.getTime() - updatedAt.getTime();
  // Below zero: the clock was set back, and nobody knows how long it was.
  return waited < 0 || waited > retryDelay({ startedAt }, updatedAt) * 1000;
}

export function reported(certificate: Certificate): ReportedCertificate {
  return {
    serial: Buffer.from(certificate.serial).toString('hex'),
    notAfter: certificate.notAfter.toISOString(),
    sha256: sha256(certificate),
  };
}

/** SHA-256 of the DER, hex. */
export function sha256({ der }: Pick<Certificate, 'der'>): string {
  return createHash('sha256').update(der).digest('hex');
}
