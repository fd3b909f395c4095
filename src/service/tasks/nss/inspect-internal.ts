import { pinsFile } from '../../../config/directories.js';
import { openPinGuard } from '../../../ledger/pins.js';
import { assertSqlDatabase, databaseFacts } from '../../../nss/database.js';
import { internalToken } from '../../../nss/internal-token.js';
import { openToken } from '../../../pkcs11/open-token.js';
import type { TokenCertificate, TokenDescription, TokenKey } from '../../../pkcs11/token.js';
import type { ServiceContext } from '../../context.js';

/** What is in the NSS database itself. */
export interface InternalContents {
  readonly description: TokenDescription;
  readonly certificates: readonly TokenCertificate[];
  readonly keys: readonly TokenKey[];
  /** Why the keys asked for could not be seen, as a sentence. */
  readonly locked?: string;
}

/**
 * Reads NSS's internal database as the token it is. Logs in only to see the private keys, and only where the database has a password
 * and the instance file says where it is kept; a password that was refused is the failure it is on any token (design rule 4).
 */
export async function inspectInternal(
  { instance, directories }: ServiceContext,
  { keys }: { readonly keys: boolean },
): Promise<InternalContents> {
  const { database } = instance.nss;
  // softokn would make one where there is none.
  assertSqlDatabase(database, databaseFacts(database));
  const pins = openPinGuard(pinsFile(directories, instance));
  try {
    const internal = await openToken(internalToken(instance.nss), { pins, access: 'read' });
    try {
      const contents = { description: internal.description, certificates: await internal.certificates() };
      if (!keys) return { ...contents, keys: [] };
      if (internal.description.loginRequired && instance.nss.passwordFile === undefined)
        return { ...contents, keys: [], locked: 'it has a password of its own' };
      return { ...contents, keys: await internal.keys() };
    } finally {
      await internal.close();
    }
  } finally {
    pins.close();
  }
}
