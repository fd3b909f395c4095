import { statSync } from 'node:fs';
import path from 'node:path';
import type { Instance } from '../../config/instance.js';
import { HsmongerError } from '../../errors.js';
import { unwritableIn } from '../../nss/writable.js';

/**
 * Throws NSS_FAILED where certmonger, which saves as this user, cannot save what it is asked for now: given the certificate it would get
 * stuck and keep the lock every other saving needs (iterate.c:1216-1277), whoever's that is. Told to ask again it waits without. certmonger
 * does not say for which request it asks, so what may go into a file is left alone, by its profile; so is a database that is not there.
 */
export function assertSavable(
  { nss: { database }, certificates, user }: Pick<Instance, 'nss' | 'certificates' | 'user'>,
  profile: string,
): void {
  const asked = certificates.filter((certificate) => certificate.profile === profile);
  if (asked.length === 0 || asked.some(({ storage }) => storage.kind === 'file') || isMissing(path.join(database, 'cert9.db'))) return;
  const unwritable = unwritableIn(database);
  if (unwritable.length === 0) return;
  throw new HsmongerError(
    'NSS_FAILED',
    `User '${user}', as whom certmonger saves, cannot read and write the NSS database ${database} (${unwritable.map((name) => (name === '.' ? 'the directory' : name)).join(', ')}), so no certificate is handed out that could not be saved; give it to that user, and check that its file system is not mounted read-only.`,
  );
}

/** One in a directory that may not be entered is there. */
function isMissing(file: string): boolean {
  try {
    statSync(file);
    return false;
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}
