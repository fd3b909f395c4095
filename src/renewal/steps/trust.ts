import { readFileSync } from 'node:fs';
import type { CertificateConfig } from '../../config/instance.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { internalTokenName, listModules } from '../../nss/modules.js';
import { withPasswordFile } from '../../nss/password-file.js';
import { assertTrust, importTrusted, trustOf } from '../../nss/trust.js';
import type { Certificate } from '../../x509/certificate.js';
import { certificateToPem } from '../../x509/pem.js';
import { nssOf, withInternal, type SavingContext } from '../saving-context.js';

/** Puts the new certificate into the internal database with the trust its profile asks for; NSS then has it for the token's copy too. */
export async function importWithTrust(
  context: SavingContext,
  { nickname, profile }: CertificateConfig,
  certificate: Certificate,
): Promise<void> {
  const nss = nssOf(context);
  const trust = trustOf(profile);
  await withDatabasePassword(context, (passwordFile) =>
    importTrusted(nss, { nickname, pem: certificateToPem(certificate.der), trust }, passwordFile),
  );
  await assertTrust(nss, nickname, trust);
}

/** Gives NSS's tools the internal database's password, proven first by the rules of the PIN guard: a wrong one is not tried twice. */
export async function withDatabasePassword(context: SavingContext, use: (passwordFile: string) => Promise<void>): Promise<void> {
  const { database, passwordFile } = context.instance.nss;
  const needed = await withInternal(context, 'read', async (internal) => {
    if (!internal.description.loginRequired) return false;
    if (passwordFile === undefined)
      throw new HsmongerError(
        'NSS_PASSWORD',
        `The NSS database ${database} has a password of its own, and trust cannot be set without it; name the file that holds it as 'nss.password-file'.`,
      );
    await internal.login();
    return true;
  });
  if (!needed || passwordFile === undefined) {
    await use('/dev/null');
    return;
  }
  const password = databasePassword(passwordFile);
  try {
    await withPasswordFile([{ token: internalTokenName(await listModules(nssOf(context))), password }], use);
  } finally {
    password.fill(0);
  }
}

/** The database's own password, to be wiped; NSS_PASSWORD when it cannot be read. */
export function databasePassword(file: string): Buffer {
  try {
    const content = readFileSync(file);
    const end = content.findIndex((byte) => byte === 0x0a || byte === 0x0d);
    return end === -1 ? content : content.subarray(0, end);
  } catch (error) {
    throw new HsmongerError(
      'NSS_PASSWORD',
      `Cannot read the NSS database's password from ${file}: ${sentenceOf(error)}. Make it readable for the service user.`,
      { cause: error },
    );
  }
}
