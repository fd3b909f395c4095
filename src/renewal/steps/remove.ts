import { HsmongerError } from '../../errors.js';
import type { Token } from '../../pkcs11/token.js';
import type { Certificate } from '../../x509/certificate.js';
import { equalBytes } from '../../x509/der.js';
import { isArchived } from '../archive.js';
import { describe } from './locate.js';

/** One certificate out, under a nickname, with the one that stays. */
export interface Removal {
  readonly nickname: string;
  readonly certificate: Certificate;
  readonly superseded: readonly Certificate[];
  /** Where each of them must have been kept before. */
  readonly archive: string;
}

/**
 * Removes superseded certificate objects by their exact value, from the token or from the internal database: never by nickname, and
 * only what lies in the archive, while the new one is there. On a token that several hosts share, this is what only one of them
 * may do (design rule 11).
 */
export async function removeSuperseded(from: Token, { nickname, certificate, superseded, archive }: Removal): Promise<void> {
  const holds = (await from.certificates(nickname)).some(({ der }) => equalBytes(der, certificate.der));
  if (!holds)
    throw new HsmongerError(
      'CERTIFICATE_NOT_FOUND',
      `The new certificate '${nickname}' (${describe(certificate)}) is not on '${from.description.label}', so the old ones were kept there.`,
    );
  for (const old of superseded) {
    if (equalBytes(old.der, certificate.der) || !isArchived(archive, nickname, old)) {
      throw new HsmongerError(
        'STATE_UNAVAILABLE',
        `The superseded certificate '${nickname}' (${describe(old)}) is not in ${archive}, so it was not removed from '${from.description.label}'; it is kept and removed at the next attempt.`,
      );
    }
    await from.destroyCertificates(old.der);
  }
}
