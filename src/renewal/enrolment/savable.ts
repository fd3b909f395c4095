import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import type { Instance } from '../../config/instance.js';

/** What NSS writes when a certificate is saved. */
const written = ['.', 'cert9.db', 'key4.db', 'pkcs11.txt'];
const forbidden: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'EROFS']);

/**
 * Why certmonger could not save a certificate now, as a sentence. Handed one all the same it would stop in NEED_CERTSAVE_PERMS and keep the
 * lock all other savings need (iterate.c:1216-1277); asked to come again it keeps none. Asked as the service user, as whom it saves (nss-user).
 */
export function unsavable({ user, nss: { database }, certificates }: Pick<Instance, 'user' | 'nss' | 'certificates'>): string | undefined {
  if (certificates.every(({ storage }) => storage.kind === 'file')) return undefined;
  const closed = written.filter((name) => !writable(path.join(database, name)));
  if (closed.length === 0) return undefined;
  const names = closed.map((name) => (name === '.' ? 'the directory' : name)).join(', ');
  return `User '${user}', as whom certmonger saves, cannot read and write the NSS database ${database} (${names}), so no certificate is handed out yet: give it to that user, and check that its file system is not mounted read-only.`;
}

/** What is not there is another trouble. */
function writable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
    return true;
  } catch (error) {
    return !forbidden.has((error as NodeJS.ErrnoException).code);
  }
}
