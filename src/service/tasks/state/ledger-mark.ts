import { ledgerFile } from '../../../config/directories.js';
import { HsmongerError } from '../../../errors.js';
import { highestCrlNumber } from '../../../ledger/crls.js';
import { exclusively } from '../../../ledger/exclusively.js';
import { openLedger } from '../../../ledger/ledger.js';
import type { ServiceContext } from '../../context.js';

/** How far a ledger has got: what it counts only grows. */
export interface LedgerMark {
  /** The highest number of a CRL, decimal. */
  readonly crlNumber?: string;
  readonly issued: number;
  readonly revocations: number;
}

/** Somebody who writes may be waiting for a slow HSM. */
const busyMs = 15_000;

/** The mark of the ledger as it is when nobody is writing into it (STATE_BUSY where somebody does for long); undefined where it cannot be read any more. */
export async function ledgerMark({ directories, instance }: ServiceContext): Promise<LedgerMark | undefined> {
  try {
    const ledger = openLedger(ledgerFile(directories, instance));
    try {
      return await exclusively(ledger, busyMs, () => {
        const count = (table: 'issued' | 'revocations') => Number(ledger.prepare(`SELECT coalesce(max(id), 0) FROM ${table}`).pluck().get());
        const number = highestCrlNumber(ledger);
        return Promise.resolve({ ...(number === undefined ? {} : { crlNumber: number.toString() }), issued: count('issued'), revocations: count('revocations') });
      });
    } finally {
      ledger.close();
    }
  } catch (error) {
    if (error instanceof HsmongerError && error.code === 'STATE_BUSY') throw error;
    return undefined;
  }
}
