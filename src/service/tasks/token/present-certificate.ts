import { HsmongerError } from '../../../errors.js';
import type { Token } from '../../../pkcs11/token.js';
import type { Certificate } from '../../../x509/certificate.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';

/** The certificate of a nickname on the token, the one that lasts longest; CERTIFICATE_NOT_FOUND when there is none. Needs no login. */
export async function presentOnToken(
  token: Token,
  nickname: string,
): Promise<{ readonly certificate: Certificate; /** CKA_ID. */ readonly id: Uint8Array }> {
  const [present] = (await token.certificates(nickname))
    .map(({ der, id }) => ({ id, certificate: parseCertificate(der, `The certificate '${nickname}' on the token`) }))
    .sort((a, b) => b.certificate.notAfter.getTime() - a.certificate.notAfter.getTime());
  if (present === undefined)
    throw new HsmongerError(
      'CERTIFICATE_NOT_FOUND',
      `There is no certificate '${nickname}' on token '${token.description.label}'; 'hsmonger token keys' lists what is there.`,
    );
  return present;
}
