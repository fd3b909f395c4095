import { readFileSync } from 'node:fs';
import path from 'node:path';
import { stateDirectory } from '../../../config/directories.js';
import { ledgerOwner } from '../../../config/ledger-owner.js';
import { HsmongerError, sentenceOf } from '../../../errors.js';
import { listIssued, type IssuedRow } from '../../../ledger/issued.js';
import { inPlace, removedAtLast, unfinished, type Left } from '../../../ledger/journal.js';
import { listOutcomes, type OutcomeRow } from '../../../ledger/outcomes.js';
import { sha256 } from '../../../renewal/report.js';
import type { ServiceContext } from '../../context.js';

/** What is remembered about an instance's renewals. */
export interface LedgerContents {
  /** The last outcome for each key and profile. */
  readonly outcomes: readonly OutcomeRow[];
  /** The certificate that lasts longest of those issued for each key and profile, unless revoked. */
  readonly issued: readonly Pick<IssuedRow, 'subjectKey' | 'profile' | 'notAfter'>[];
  /** Savings that were begun and not finished. */
  readonly journal: readonly UnfinishedSaving[];
  /** SHA-256, hex, of the certificates each nickname's last saving replaced and removed. */
  readonly superseded: readonly { readonly nickname: string; readonly sha256: readonly string[] }[];
  /** On a clone: SHA-256, hex, of the certificate each nickname's last saving put in place here. */
  readonly inPlace: readonly { readonly nickname: string; readonly sha256: string }[];
  /** Left by a helper that gave no answer in time and ended itself. */
  readonly watchdog?: { readonly at: Date; readonly message: string };
}

interface UnfinishedSaving {
  readonly nickname: string;
  /** The last step that was finished. */
  readonly step: string;
  /** What is tried again by itself once the certificate is in place. */
  readonly left: readonly Left[];
  readonly updatedAt: Date;
}

export function readLedger(context: ServiceContext): Promise<LedgerContents> {
  const ledger = context.ledger();
  const watchdog = watchdogOf(path.join(stateDirectory(context.directories, context.instance), 'watchdog.json'), context.clock());
  const journal = unfinished(ledger);
  return Promise.resolve({
    outcomes: listOutcomes(ledger),
    issued: longest(listIssued(ledger)).map(({ subjectKey, profile, notAfter }) => ({ subjectKey, profile, notAfter })),
    journal: journal.map(({ nickname, step, detail: { left }, updatedAt }) => ({ nickname, step, left, updatedAt })),
    superseded: removedAtLast(ledger).map(({ nickname, certificates }) => ({
      nickname,
      sha256: certificates.map((der) => sha256({ der: Buffer.from(der, 'base64') })),
    })),
    inPlace: ledgerOwner(context.instance).kind === 'another host' ? inPlace(ledger) : [],
    ...(watchdog === undefined ? {} : { watchdog }),
  });
}

/** Of each key and profile the certificate that lasts longest, unless revoked. */
export function longest(rows: readonly IssuedRow[]): IssuedRow[] {
  const best = new Map<string, IssuedRow>();
  for (const row of rows) {
    const which = `${row.subjectKey} ${row.profile}`;
    const other = best.get(which);
    if (row.revokedAt === undefined && (other === undefined || other.notAfter < row.notAfter)) best.set(which, row);
  }
  return [...best.values()];
}

function watchdogOf(file: string, now: Date): LedgerContents['watchdog'] {
  try {
    const { at, message } = JSON.parse(readFileSync(file, 'utf8')) as { at: string; message: string };
    // A helper that is at work has left one too; it means something once its time is over.
    const over = new Date(at);
    return over > now ? undefined : { at: over, message };
  } catch (error) {
    // Half a file, on a full disk, is as good as none.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw new HsmongerError('STATE_UNAVAILABLE', `Cannot read ${file}: ${sentenceOf(error)}.`, { cause: error });
  }
}
