import type { InstanceSite } from '../../config/instance.js';
import { asHsmongerError, HsmongerError } from '../../errors.js';
import { askService } from '../../service/ask.js';
import type { LedgerMark } from '../../service/tasks/state/ledger-mark.js';

export interface HeldLedger {
  /** Of the ledger; undefined where there is none that can be read, which nobody writes into either. */
  readonly mark: LedgerMark | undefined;
  /** STATE_BUSY where others may write into it again. */
  readonly assertHeld: () => void;
}

/**
 * Works while a process of the service user's keeps all others from writing into the instance's ledger, which is to be replaced. STATE_BUSY
 * where somebody writes for long.
 */
export async function holdingLedger<T>(place: InstanceSite, work: (held: HeldLedger) => Promise<T>): Promise<T> {
  const { name } = place.instance;
  const over = new AbortController();
  const keeper = { ended: false };
  let there: (mark: LedgerMark) => void = () => undefined;
  const marked = new Promise<LedgerMark>((resolve) => {
    there = resolve;
  });
  const ended = askService(place, 'hold ledger', undefined, {
    signal: over.signal,
    onProgress: ({ part }) => {
      there(part as LedgerMark);
    },
  }).finally(() => {
    keeper.ended = true;
  });
  try {
    const mark = await Promise.race([marked, ended.then(() => undefined)]).catch((error: unknown) => {
      throw busy(name, error);
    });
    return await work({
      mark,
      assertHeld: () => {
        if (mark !== undefined && keeper.ended)
          throw new HsmongerError(
            'STATE_BUSY',
            `'${name}' was not replaced: the process that kept others from writing into its ledger has ended. Run this again.`,
          );
      },
    });
  } finally {
    over.abort();
    // What it has to say was said before, or is of no account any more.
    await ended.catch(() => undefined);
  }
}

function busy(name: string, error: unknown): unknown {
  const { code, message } = asHsmongerError(error);
  if (code !== 'STATE_BUSY') return error;
  return new HsmongerError(
    'STATE_BUSY',
    `'${name}' is not replaced while somebody writes into its ledger: ${message} Stop the agent, wait for renewals to end, and run restore again.`,
    { cause: error },
  );
}
