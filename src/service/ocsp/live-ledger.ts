import { statSync } from 'node:fs';
import { explained, type Database } from '../../ledger/database.js';
import { openLedger } from '../../ledger/ledger.js';

/** A ledger that is only read, and is always the one that lies there now: a restored backup is another file under the same name. */
export interface LiveLedger {
  /** STATE_BUSY or STATE_UNAVAILABLE where it cannot be read. */
  read<T>(look: (ledger: Database) => T): T;
  close(): void;
}

export function openLiveLedger(file: string): LiveLedger {
  let open: { readonly database: Database; readonly inode: bigint } | undefined;
  const close = () => {
    open?.database.close();
    open = undefined;
  };
  const current = (): Database => {
    const inode = statSync(file, { bigint: true, throwIfNoEntry: false })?.ino;
    if (open !== undefined && open.inode === inode) return open.database;
    close();
    // For writing, once: makes the tables this version has, and rolls back what a killed process left, which a reader cannot.
    openLedger(file).close();
    open = { database: openLedger(file, { readonly: true }), inode: statSync(file, { bigint: true }).ino };
    return open.database;
  };
  return {
    read: (look) => {
      try {
        return look(current());
      } catch (error) {
        // The next look opens it anew.
        close();
        throw explained(file, error);
      }
    },
    close,
  };
}
