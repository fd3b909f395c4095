import path from 'node:path';
import { stateDirectory } from '../config/directories.js';
import type { Directories, Instance } from '../config/instance.js';
import { openDatabase } from '../ledger/database.js';
import { exclusively } from '../ledger/exclusively.js';

const waitMs = 120_000;

/** Runs `work` while no other process of ours saves for this instance; STATE_BUSY after two minutes. The lock dies with its holder. */
export async function whileSaving<T>(directories: Directories, instance: Instance, work: () => Promise<T>): Promise<T> {
  // Not the ledger: its transaction would hold back every step of the journal until the end.
  const database = openDatabase(path.join(stateDirectory(directories, instance), 'saving.lock'), { schema: '', version: 1 });
  try {
    return await exclusively(database, waitMs, work);
  } finally {
    database.close();
  }
}
