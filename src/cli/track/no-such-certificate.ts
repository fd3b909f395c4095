import { HsmongerError } from '../../errors.js';

/** USAGE, with the nicknames the file has. */
export function noSuchCertificate(nickname: string, file: string, certificates: readonly { readonly nickname: string }[]): HsmongerError {
  const known = certificates.map((certificate) => `'${certificate.nickname}'`).join(', ');
  return new HsmongerError('USAGE', `${file} has no certificate '${nickname}'; it has ${known === '' ? 'none' : known}.`);
}
