import { createHash } from 'node:crypto';
import { readCaCertificates } from '../../directory/ca-certificates.js';
import type { Directory } from '../../directory/directory.js';
import { chooseShared, readShared } from '../../directory/shared-certificates.js';
import type { Certificate } from '../../x509/certificate.js';
import { keyFingerprint } from '../../x509/public-key.js';
import type { PublishedCertificate } from './watcher-line.js';

/**
 * Keys of one nickname that are looked at: there is one, and two where somebody re-keyed. Whoever may write there cannot keep us busy for
 * ever.
 */
const mostKeys = 8;

/** Everything published for these nicknames, read anew: what a notification left out does not matter. */
export async function lookAtPublished(
  directory: Directory,
  base: string,
  nicknames: readonly string[],
  now: Date,
): Promise<Omit<PublishedCertificate, 'missed'>[]> {
  const authorities = await readCaCertificates(directory, base);
  const found: Omit<PublishedCertificate, 'missed'>[] = [];
  for (const nickname of nicknames) found.push(...bestOf(nickname, await readShared(directory, base, nickname), authorities, now));
  return found;
}

/** For each key the certificate a reader would take (chooseShared). */
export function bestOf(
  nickname: string,
  candidates: readonly Certificate[],
  authorities: readonly Certificate[],
  now: Date,
): Omit<PublishedCertificate, 'missed'>[] {
  const keys = new Map(candidates.map(({ spki }) => [keyFingerprint(spki), spki]));
  return [...keys].slice(0, mostKeys).flatMap(([key, spki]) => {
    const best = chooseShared(candidates, { now, spki, authorities });
    return best === undefined
      ? []
      : [{ nickname, key, certificate: createHash('sha256').update(best.der).digest('hex'), notAfter: best.notAfter }];
  });
}
