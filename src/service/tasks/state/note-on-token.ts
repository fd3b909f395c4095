import { noteInPlace } from '../../../ledger/journal.js';
import { sha256 } from '../../../renewal/report.js';
import type { ServiceContext } from '../../context.js';
import { presentOnToken } from '../token/present-certificate.js';

/**
 * Notes which certificates lie on the token as a host begins to track them: one that another host stores there later is then known not to
 * have been saved here, though certmonger reads it at its next start. Of a nickname that is known nothing changes. Needs no login.
 */
export async function noteOnToken(context: ServiceContext, { nicknames }: { readonly nicknames: readonly string[] }): Promise<void> {
  for (const { nickname, storage } of context.instance.certificates) {
    if (storage.kind !== 'token' || !nicknames.includes(nickname)) continue;
    const { certificate } = await presentOnToken(await context.openToken({ on: storage.on }), nickname);
    noteInPlace(context.ledger(), nickname, sha256(certificate), context.clock());
  }
}
