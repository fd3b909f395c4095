import { accessSync, constants } from 'node:fs';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { assertSqlDatabase, databaseFacts, notOwnedBy } from '../../nss/database.js';
import type { Token } from '../../pkcs11/token.js';
import { equalBytes } from '../../x509/der.js';
import type { SavingContext } from '../saving-context.js';
import type { Located } from './locate.js';

/** NSS_ errors unless the NSS database is one we can write to: asked before anything is changed. */
export function assertDatabaseUsable({ instance: { nss, user } }: SavingContext): void {
  assertSqlDatabase(nss.database, databaseFacts(nss.database));
  for (const name of ['.', 'cert9.db', 'key4.db']) {
    try {
      accessSync(`${nss.database}/${name}`, constants.R_OK | constants.W_OK);
    } catch (error) {
      throw new HsmongerError('NSS_FAILED', `The NSS database ${nss.database} cannot be written by '${user}' (${sentenceOf(error)}); run: chown -R ${user} '${nss.database}'.`, { cause: error });
    }
  }
}

/** What must hold at the end; RENEWAL_FAILED where it does not, warnings where an administrator should look. */
export async function check(context: SavingContext, token: Token, { certificate, superseded }: Located, nickname: string): Promise<string[]> {
  const left = await token.certificates(nickname);
  const stale = left.filter(({ der }) => superseded.some((old) => equalBytes(old.der, der)));
  if (stale.length > 0 || !left.some(({ der }) => equalBytes(der, certificate.der))) {
    throw new HsmongerError('RENEWAL_FAILED', `Token '${token.description.label}' does not hold the new certificate '${nickname}' alone after the old ones were removed; the next attempt removes them again.`);
  }
  await token.findKey({ by: 'public-key', spki: certificate.spki });
  const foreign = notOwnedBy(databaseFacts(context.instance.nss.database), process.geteuid?.() ?? 0);
  return foreign.length === 0 ? [] : [`In ${context.instance.nss.database} ${foreign.join(', ')} do not belong to '${context.instance.user}'; run: chown -R ${context.instance.user} '${context.instance.nss.database}'.`];
}
