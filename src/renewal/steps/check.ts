import { accessSync, constants } from 'node:fs';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { assertSqlDatabase, databaseFacts, notOwnedBy } from '../../nss/database.js';
import type { Token } from '../../pkcs11/token.js';
import type { Certificate } from '../../x509/certificate.js';
import { equalBytes } from '../../x509/der.js';
import type { SavingContext } from '../saving-context.js';

/** NSS_ errors unless the NSS database is one we can write to: asked before anything is changed. */
export function assertDatabaseUsable({ instance: { nss, user } }: SavingContext): void {
  assertSqlDatabase(nss.database, databaseFacts(nss.database));
  for (const name of ['.', 'cert9.db', 'key4.db']) {
    try {
      accessSync(`${nss.database}/${name}`, constants.R_OK | constants.W_OK);
    } catch (error) {
      throw new HsmongerError(
        'NSS_FAILED',
        `The NSS database ${nss.database} cannot be written by '${user}' (${sentenceOf(error)}); run: chown -R ${user} '${nss.database}'.`,
        { cause: error },
      );
    }
  }
}

/** What must hold of the token or database that stores it, once what was to go is gone: RENEWAL_FAILED or a KEY_ code where it does not. */
export async function checkStored(
  stored: Token,
  nickname: string,
  certificate: Certificate,
  removed: readonly Certificate[],
): Promise<void> {
  const left = await stored.certificates(nickname);
  const stale = left.filter(({ der }) => removed.some((old) => equalBytes(old.der, der)));
  if (stale.length > 0 || !left.some(({ der }) => equalBytes(der, certificate.der))) {
    throw new HsmongerError(
      'RENEWAL_FAILED',
      `Token '${stored.description.label}' does not hold the new certificate '${nickname}' alone after the old ones were removed; the next attempt removes them again.`,
    );
  }
  await stored.findKey({ by: 'public-key', spki: certificate.spki });
}

/** Warnings about an NSS database that will not be writable for ever. */
export function checkDatabase(context: SavingContext): string[] {
  const foreign = notOwnedBy(databaseFacts(context.instance.nss.database), process.geteuid?.() ?? 0);
  return foreign.length === 0
    ? []
    : [
        `In ${context.instance.nss.database} ${foreign.join(', ')} do not belong to '${context.instance.user}'; run: chown -R ${context.instance.user} '${context.instance.nss.database}'.`,
      ];
}
