import { ledgerFile, pinsFile } from '../../../config/directories.js';
import { listIssued, type IssuedRow } from '../../../ledger/issued.js';
import { faultOf, newestTime } from '../../../ledger/soundness.js';
import type { ServiceContext } from '../../context.js';
import { longest, readLedger, type LedgerContents } from './read-ledger.js';

/** What is remembered, and whether it can be believed. */
export interface StateExamined extends Omit<LedgerContents, 'issued'> {
  /** The certificate that lasts longest of those issued for each key and profile, unless revoked. */
  readonly issued: readonly Pick<IssuedRow, 'subjectKey' | 'profile' | 'subject' | 'notAfter' | 'issuedAt'>[];
  /** What SQLite finds wrong, by file; a sound file has no line. */
  readonly faults: readonly { readonly file: string; readonly fault: string }[];
  /** The latest time in the ledger; undefined while nothing is in it. */
  readonly newest?: Date;
}

/** Looks at the databases before it reads them: a ledger with a fault in it may still open. */
export async function examineState(context: ServiceContext): Promise<StateExamined> {
  const { directories, instance } = context;
  const faults = [ledgerFile(directories, instance), pinsFile(directories, instance)].flatMap((file) => {
    const fault = faultOf(file);
    return fault === undefined ? [] : [{ file, fault }];
  });
  const contents = await readLedger(context);
  const ledger = context.ledger();
  const newest = newestTime(ledger);
  // Without the certificates: of a CA with many they are more than an answer can hold.
  const issued = longest(listIssued(ledger)).map(({ subjectKey, profile, subject, notAfter, issuedAt }) => ({
    subjectKey,
    profile,
    subject,
    notAfter,
    issuedAt,
  }));
  return { ...contents, issued, faults, ...(newest === undefined ? {} : { newest }) };
}
