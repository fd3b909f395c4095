import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../errors.js';
import { assertSqlDatabase, databaseFacts } from './database.js';
import { certutil, type NssContext } from './tools.js';

/**
 * There while certutil is at work: what a killed one left has no password set yet, and certmonger would set the PIN as one (PK11_InitPin).
 */
const mark = '.hsmonger-making';
const parts = ['cert9.db', 'key4.db', 'pkcs11.txt'];

/**
 * Makes an NSS database (sql, no password of its own) where there is none, as this process's user; a killed attempt is begun anew. Says
 * whether it made one. NSS_UNSUPPORTED for dbm, NSS_FAILED where the directory cannot be made.
 */
export async function createDatabase(nss: NssContext): Promise<boolean> {
  const marker = path.join(nss.database, mark);
  const begun = existsSync(marker);
  const facts = databaseFacts(nss.database);
  if (facts.format !== 'none' && !begun) {
    assertSqlDatabase(nss.database, facts);
    return false;
  }
  try {
    mkdirSync(nss.database, { recursive: true, mode: 0o700 });
    // Only with the mark: anything else that lies there is somebody's.
    if (begun) for (const name of parts) rmSync(path.join(nss.database, name), { force: true });
    writeFileSync(marker, '');
    await certutil(nss, ['-N', '--empty-password']);
    rmSync(marker);
    return true;
  } catch (error) {
    if (error instanceof HsmongerError) throw error;
    throw new HsmongerError(
      'NSS_FAILED',
      `Cannot make an NSS database in ${nss.database}: ${sentenceOf(error)}. Make the directory for the service user, or name another with --dbdir.`,
      { cause: error },
    );
  }
}
