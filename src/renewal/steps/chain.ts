import type { CertificateConfig } from '../../config/instance.js';
import { HsmongerError } from '../../errors.js';
import { listInternal, type ListedCertificate } from '../../nss/certificates.js';
import { assertTrust, authorityTrust, coversTrust, importTrusted, isDistrusted } from '../../nss/trust.js';
import type { TokenCertificate } from '../../pkcs11/token.js';
import type { Certificate } from '../../x509/certificate.js';
import { equalBytes } from '../../x509/der.js';
import { nameText, sameName } from '../../x509/names/name.js';
import { certificateToPem } from '../../x509/pem.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { nssOf, withInternal, type SavingContext } from '../saving-context.js';
import { pathAbove } from './above.js';
import { describe } from './locate.js';
import { withDatabasePassword } from './trust.js';

/**
 * What stands above the CA's certificate, in the NSS database and trusted: Dogtag's self-test fails otherwise (FreeIPA renew_ca_cert.in,
 * "Pass Dogtag's self-tests"). What is there and trusted enough stays as it is, and nothing is removed. Gives warnings; throws where it is
 * to be tried again.
 */
export async function trustChain(
  context: SavingContext,
  { nickname }: CertificateConfig,
  certificate: Certificate,
  atHand: readonly Certificate[],
): Promise<string[]> {
  const path = await pathAbove(context, certificate, atHand);
  if ('fault' in path) {
    throw new HsmongerError(
      'CERTIFICATE_NOT_FOUND',
      `What stands above '${nickname}' cannot be put into the NSS database ${context.instance.nss.database}, without which a Dogtag server does not start: ${path.fault}. Hand the certificates above it to 'hsmonger ca import' with it, or to 'ipa-cacert-manage install'.`,
    );
  }
  const warnings: string[] = [];
  // The root first: at no moment is there a chain without its end.
  for (const above of [...path.chain, ...path.roots].toReversed()) warnings.push(...(await trustAuthority(context, above)));
  return warnings;
}

/** Each looks anew: what was put there a moment ago may have taken a nickname. */
async function trustAuthority(context: SavingContext, authority: Certificate): Promise<string[]> {
  const nss = nssOf(context);
  const objects = await withInternal(context, 'read', (internal) => internal.certificates());
  const present = objects.find(({ der }) => equalBytes(der, authority.der));
  const nickname = present === undefined || present.label === '' ? nicknameFor(authority, objects) : present.label;
  const listed = present === undefined ? [] : await listedAs(context, nickname);
  if (listed.some(({ trust }) => isDistrusted(trust))) {
    return [
      `The CA certificate '${nickname}' (${describe(authority)}) is marked as distrusted in the NSS database ${nss.database} and was left so, though the CA's own stands below it; mend it with certutil -M -t ${authorityTrust} if that is wrong.`,
    ];
  }
  // Of several under one nickname NSS's tools do not say whose line is whose.
  if (listed.length > 0 && listed.every(({ trust }) => coversTrust(trust, authorityTrust))) return [];
  await withDatabasePassword(context, (passwordFile) =>
    importTrusted(nss, { nickname, pem: certificateToPem(authority.der), trust: authorityTrust }, passwordFile),
  );
  await assertTrust(nss, nickname, authorityTrust);
  return [];
}

async function listedAs(context: SavingContext, nickname: string): Promise<ListedCertificate[]> {
  return (await listInternal(nssOf(context))).filter((listed) => listed.nickname === nickname);
}

/**
 * The nickname its subject has there already, else the subject as text, as FreeIPA's tools name them. NSS takes what stands before a colon
 * for a token's name, and refuses a nickname that another subject has.
 */
export function nicknameFor(
  { subject }: Pick<Certificate, 'subject'>,
  objects: readonly Pick<TokenCertificate, 'label' | 'der'>[],
): string {
  const known = objects.filter(({ label }) => label !== '').map(({ label, der }) => ({ label, same: sameSubject(der, subject) }));
  const own = known.find(({ same, label }) => same && !label.includes(':'));
  if (own !== undefined) return own.label;
  const text = nameText(subject).replaceAll('\\=', '=').replaceAll(':', ' ');
  const taken = (nickname: string) => known.some(({ label, same }) => label === nickname && !same);
  for (let number = 1; ; number++) {
    const nickname = number === 1 ? text : `${text} #${String(number)}`;
    if (!taken(nickname)) return nickname;
  }
}

function sameSubject(der: Uint8Array, subject: Uint8Array): boolean {
  try {
    return sameName(parseCertificate(der).subject, subject);
  } catch {
    return false;
  }
}
