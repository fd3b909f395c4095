import { journalEntry } from '../../ledger/journal.js';
import type { Token, TokenCertificate } from '../../pkcs11/token.js';
import type { Certificate } from '../../x509/certificate.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { withInternal, type SavingContext } from '../saving-context.js';
import { locate, type Located } from './locate.js';

/** Gathers what there is under the nickname, and every certificate that could be an issuer. */
export async function look(context: SavingContext, token: Token, nickname: string): Promise<{ located: Located; objects: TokenCertificate[]; authorities: Certificate[] }> {
  const all = await token.certificates();
  const internal = await withInternal(context, 'read', (database) => database.certificates());
  const named = (objects: readonly TokenCertificate[]) => readable(objects.filter(({ label }) => label === nickname));
  const before = (journalEntry(context.ledger(), nickname)?.detail.before ?? []).map((der) => ({ der: Buffer.from(der, 'base64') }));
  const located = locate(nickname, { onToken: named(all), inDatabase: named(internal), before: readable(before) });
  return { located, objects: all, authorities: readable([...all, ...internal]) };
}

/** Certificates of others on the token need not be ones we can read. */
function readable(objects: readonly Pick<TokenCertificate, 'der'>[]): Certificate[] {
  return objects.flatMap(({ der }) => {
    try {
      return [parseCertificate(der)];
    } catch {
      return [];
    }
  });
}

/** Whether certmonger has stored anything under the nickname since these certificates (base64 DER) were noted. */
export async function hasNew(context: SavingContext, nickname: string, before: readonly string[]): Promise<boolean> {
  const token = await context.openToken({ access: 'read' });
  try {
    return (await token.certificates(nickname)).some(({ der }) => !before.includes(Buffer.from(der).toString('base64')));
  } finally {
    await token.close();
  }
}
