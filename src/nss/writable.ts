import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** Names of what this process's user cannot read and write in an NSS database; '.' is the directory. */
export function unwritableIn(database: string): string[] {
  // SQLite makes its journal in the directory. The kernel is asked: it knows about ACLs and read-only mounts.
  return ['.', 'cert9.db', 'key4.db', 'pkcs11.txt'].filter((name) => !accessible(path.join(database, name)));
}

function accessible(file: string): boolean {
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
