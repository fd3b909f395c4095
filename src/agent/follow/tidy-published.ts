import { readCaCertificates } from '../../directory/ca-certificates.js';
import type { Directory } from '../../directory/directory.js';
import { readShared, tidyShared } from '../../directory/shared-certificates.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { keyFingerprint } from '../../x509/public-key.js';

/**
 * For the only renewal master: where servers that did not hear each other published several certificates, the one that counts is left. Only
 * where all of them are of one key: which of two is on the token is not known here. Gives a sentence for each nickname it changed or could
 * not change.
 */
export async function tidyPublished(directory: Directory, base: string, nicknames: readonly string[], now: Date): Promise<string[]> {
  const said: string[] = [];
  let authorities: Awaited<ReturnType<typeof readCaCertificates>> | undefined;
  for (const nickname of nicknames) {
    const candidates = await readShared(directory, base, nickname);
    const [first] = candidates;
    if (first === undefined || candidates.length === 1 || new Set(candidates.map(({ spki }) => keyFingerprint(spki))).size > 1) continue;
    authorities ??= await readCaCertificates(directory, base);
    try {
      const gone = await tidyShared(directory, base, nickname, { now, spki: first.spki, authorities });
      if (gone > 0)
        said.push(
          `Servers that did not hear each other published several certificates for '${nickname}'; the one that lasts longest was left, ${String(gone)} removed.`,
        );
    } catch (error) {
      // The connection is the watcher's affair; the rest can wait, for every reader chooses the same one.
      if (!(error instanceof HsmongerError) || error.code === 'DIRECTORY_UNAVAILABLE') throw error;
      said.push(`Several certificates are published for '${nickname}', and they could not be made one: ${sentenceOf(error)}`);
    }
  }
  return said;
}
