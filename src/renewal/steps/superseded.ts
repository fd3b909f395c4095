import { noteRetained, journalEntry, type Retained } from '../../ledger/journal.js';
import type { Token } from '../../pkcs11/token.js';
import type { Certificate } from '../../x509/certificate.js';
import { mayGo, pruningOf } from '../pruning.js';
import { archiveDirectory, type SavingContext } from '../saving-context.js';
import type { Located } from './locate.js';
import { removeSuperseded } from './remove.js';

/**
 * Removes from the token the superseded certificates whose time has come and notes since when the others wait for it: other servers may
 * still serve them. Gives those that went.
 */
export async function clearToken(
  context: SavingContext,
  token: Token,
  nickname: string,
  { certificate, superseded }: Located,
): Promise<readonly Certificate[]> {
  const now = context.clock();
  const ledger = context.ledger();
  const { pruning } = await pruningOf(context);
  const waiting = new Map(journalEntry(ledger, nickname)?.detail.retained.map(({ certificate: der, since }) => [der, since]));
  const dated = superseded.map((old) => ({ old, since: waiting.get(base64(old)) ?? now }));
  const gone = dated.filter(({ since }) => mayGo(pruning, since, now, context.instance.saving.graceDays)).map(({ old }) => old);
  const present = new Set((await token.certificates(nickname)).map(base64));
  const retained: Retained[] = dated
    .filter(({ old }) => !gone.includes(old) && present.has(base64(old)))
    .map(({ old, since }) => ({ certificate: base64(old), since }));
  await removeSuperseded(token, { nickname, certificate, superseded: gone, archive: archiveDirectory(context) });
  noteRetained(ledger, nickname, retained, now);
  return gone;
}

function base64({ der }: Pick<Certificate, 'der'>): string {
  return Buffer.from(der).toString('base64');
}
