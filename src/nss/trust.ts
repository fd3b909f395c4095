import { HsmongerError } from '../errors.js';
import { listInternal } from './certificates.js';
import { certutil, type NssContext } from './tools.js';

/** The trust Dogtag expects of a system certificate of this profile, where its key is. */
export function trustOf(profile: string): string {
  switch (profile) {
    case 'caCACert':
      return 'CTu,Cu,Cu';
    case 'caSignedLogCert':
    case 'caAuditSigningCert':
      return 'u,u,Pu';
    default:
      return 'u,u,u';
  }
}

/** The trust of a CA above ours: it vouches for servers, clients, mail and code. */
export const authorityTrust = 'CT,C,C';

/** Whether `one` has every flag of `other`, field by field; 'u' does not count. */
export function coversTrust(one: string, other: string): boolean {
  const fields = one.split(',');
  return withoutUser(other)
    .split(',')
    .every((flags, index) => Array.from(flags).every((flag) => fields[index]?.includes(flag) === true));
}

/** Whether somebody has said that it must not be trusted for anything: 'p' alone, in each field (certutil(1)). */
export function isDistrusted(trust: string): boolean {
  return trust.split(',').every((flags) => flags === 'p');
}

/** Equal but for 'u', which NSS adds by itself wherever it finds the key. */
export function sameTrust(one: string, other: string): boolean {
  return withoutUser(one) === withoutUser(other);
}

/**
 * Puts exactly this certificate into the internal database under the nickname and sets its trust. NSS keeps trust there only, by the
 * certificate's issuer and serial, so it holds for the token's copy as well (`certutil -M` would take whichever of several
 * certificates of one nickname it thinks best). Adding what is there already only sets the trust.
 */
export async function importTrusted(
  nss: NssContext,
  certificate: { readonly nickname: string; readonly pem: string; readonly trust: string },
  passwordFile: string,
): Promise<void> {
  await certutil(nss, ['-A', '-a', '-n', certificate.nickname, '-t', withoutUser(certificate.trust), '-f', passwordFile], {
    input: certificate.pem,
  });
}

/** Reads the trust back; NSS_FAILED when no certificate of the nickname has it. */
export async function assertTrust(nss: NssContext, nickname: string, trust: string): Promise<void> {
  const found = (await listInternal(nss)).filter((listed) => listed.nickname === nickname);
  if (found.some((listed) => sameTrust(listed.trust, trust))) return;
  const has = found.length === 0 ? 'NSS does not list it there' : `it is ${found.map((listed) => `'${listed.trust}'`).join(' and ')}`;
  throw new HsmongerError(
    'NSS_FAILED',
    `The trust of '${nickname}' in the NSS database ${nss.database} should be '${trust}', but ${has}; it is set again at the next attempt.`,
  );
}

function withoutUser(trust: string): string {
  return trust.replaceAll('u', '');
}
