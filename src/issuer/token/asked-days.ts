import type { CertificateConfig } from '../../config/instance.js';
import type { Token } from '../../pkcs11/token.js';
import type { Certificate } from '../../x509/certificate.js';
import { sameKey } from '../../x509/public-key.js';
import { readableCertificates } from '../../x509/readable-certificates.js';

/** What a certificate's place holds now, where that is not the CA's own token; nothing where it cannot be read. */
export type Elsewhere = (certificate: CertificateConfig) => Promise<readonly Certificate[]>;

/**
 * The `days` of the [[certificate]] that is to be renewed. certmonger does not say for which of them it asks (certmonger src/submit-e.c:
 * the helper's environment has the certificate, no nickname), so it is the one of this profile in whose place a certificate of the same key
 * lies. Undefined where none says so.
 */
export async function askedDays(
  certificates: readonly CertificateConfig[],
  old: Certificate,
  profile: string,
  token: Pick<Token, 'certificates'>,
  elsewhere: Elsewhere,
): Promise<number | undefined> {
  for (const certificate of certificates) {
    const { days, nickname, storage } = certificate;
    if (days === undefined || certificate.profile !== profile) continue;
    const here = storage.kind === 'token' && storage.on === undefined;
    const held = here ? readableCertificates((await token.certificates(nickname)).map(({ der }) => der)) : await elsewhere(certificate);
    if (held.some(({ spki }) => sameKey(spki, old.spki))) return days;
  }
  return undefined;
}
