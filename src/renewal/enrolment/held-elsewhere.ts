import { readFileSync } from 'node:fs';
import type { CertificateConfig, Instance } from '../../config/instance.js';
import { tokenOn } from '../../config/token-views.js';
import { asHsmongerError } from '../../errors.js';
import type { OpenToken, PinGuard } from '../../pkcs11/token.js';
import type { Certificate } from '../../x509/certificate.js';
import { certificatesFromPem } from '../../x509/pem.js';
import { readableCertificates } from '../../x509/readable-certificates.js';

/**
 * What lies where certmonger keeps a certificate that is not on the CA's own token: on a further token, read without a login, or in a file.
 * What cannot be read is nothing, for it decides only how long a renewal lasts, and no renewal fails for that; a line on stderr says so.
 */
export async function heldElsewhere(
  instance: Instance,
  { nickname, storage }: CertificateConfig,
  openToken: OpenToken,
  pins: PinGuard,
): Promise<readonly Certificate[]> {
  try {
    switch (storage.kind) {
      case 'file':
        return readableCertificates(certificatesFromPem(readFileSync(storage.certificate, 'latin1'), storage.certificate));
      case 'token': {
        const token = await openToken(tokenOn(instance, storage.on), { pins });
        try {
          return readableCertificates((await token.certificates(nickname)).map(({ der }) => der));
        } finally {
          await token.close();
        }
      }
      case 'internal':
        return [];
    }
  } catch (error) {
    process.stderr.write(
      `hsmonger-submit: 'days' of '${nickname}' is not followed, because the certificate there cannot be read: ${asHsmongerError(error).message}\n`,
    );
    return [];
  }
}
