import type { CertificateConfig, Instance, IssuerConfig } from '../../config/instance.js';
import { HsmongerError } from '../../errors.js';

/** The named certificates, the issuer's own first: what is signed before its renewal would live no longer than it does now. */
export function choose(
  instance: Instance,
  { nickname: named = [], all }: { readonly nickname: readonly string[] | undefined; readonly all: boolean },
): CertificateConfig[] {
  if (instance.certificates.length === 0)
    throw new HsmongerError(
      'USAGE',
      `${instance.file} has no [[certificate]], so this instance renews none; a CA's own that another CA of this host issued is renewed by that one's instance.`,
    );
  if (all === named.length > 0)
    throw new HsmongerError(
      'USAGE',
      `Name the certificates to renew, or say --all: ${instance.certificates.map(({ nickname }) => `'${nickname}'`).join(', ')}.`,
    );
  const stranger = named.find((wanted) => !instance.certificates.some(({ nickname }) => nickname === wanted));
  if (stranger !== undefined)
    throw new HsmongerError(
      'USAGE',
      `${instance.file} has no certificate '${stranger}'; it has ${instance.certificates.map(({ nickname }) => `'${nickname}'`).join(', ')}.`,
    );
  return instance.certificates
    .filter(({ nickname }) => all || named.includes(nickname))
    .sort((a, b) => Number(b.nickname === instance.issuer.certificate) - Number(a.nickname === instance.issuer.certificate));
}

/**
 * Whether what is renewed after the issuer's own certificate is signed under it. A replica takes what is published already; a CA outside
 * answers when it likes.
 */
export function leadsOthers({ type }: IssuerConfig): boolean {
  switch (type) {
    case 'token':
    case 'dogtag':
      return true;
    case 'directory':
    case 'external':
      return false;
  }
}
