import { setTimeout as sleep } from 'node:timers/promises';
import { ledgerFile } from '../../../config/directories.js';
import { HsmongerError } from '../../../errors.js';
import type { Database } from '../../../ledger/database.js';
import { highestCrlNumber } from '../../../ledger/crls.js';
import { exclusively } from '../../../ledger/exclusively.js';
import { openLedger } from '../../../ledger/ledger.js';
import type { ServiceContext } from '../../context.js';

/** How far a ledger has got. */
export interface LedgerMark {
  /** The highest number of a CRL, decimal. */
  readonly crlNumber?: string;
}

/** Somebody who writes may be waiting for a slow HSM. */
const busyMs = 15_000;
/** A sign of life: without one for minutes whoever asked gives up, and where nobody listens any more telling it fails. */
const beatMs = 1000;

/** The mark of the ledger; undefined where it cannot be read any more. */
export function ledgerMark(context: ServiceContext): Promise<LedgerMark | undefined> {
  return atRest(context, (ledger) => Promise.resolve(markOf(ledger)));
}

/**
 * Keeps everybody else from writing into the ledger until it is interrupted, or whoever asked for it has gone: tells the mark once that is
 * so. False where there is no ledger that can be read, so that nobody writes into it either. STATE_BUSY where somebody writes for long.
 */
export async function holdLedger(context: ServiceContext): Promise<boolean> {
  const signal = context.interruption();
  const held = await atRest(context, async (ledger) => {
    const mark = markOf(ledger);
    while (!signal.aborted) {
      context.progress(0, 1, mark);
      await sleep(beatMs, undefined, { signal }).catch(() => undefined);
    }
    return true;
  });
  return held ?? false;
}

/** Works while nobody is writing. */
async function atRest<T>({ directories, instance }: ServiceContext, work: (ledger: Database) => Promise<T>): Promise<T | undefined> {
  try {
    const ledger = openLedger(ledgerFile(directories, instance));
    try {
      return await exclusively(ledger, busyMs, () => work(ledger));
    } finally {
      ledger.close();
    }
  } catch (error) {
    if (error instanceof HsmongerError && error.code === 'STATE_BUSY') throw error;
    return undefined;
  }
}

function markOf(ledger: Database): LedgerMark {
  const number = highestCrlNumber(ledger);
  return number === undefined ? {} : { crlNumber: number.toString() };
}
