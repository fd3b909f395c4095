import type { CertificateStorage } from '../../../config/instance.js';
import { systemCertificates } from '../../../freeipa/system-certificates.js';
import type { AnsweredCertificate } from '../document.js';

/** What this server has beyond a CA of its own. */
export interface ServerParts {
  readonly kra: boolean;
  /** The RA agent's files, where they are here. */
  readonly ra: Extract<CertificateStorage, { readonly kind: 'file' }> | undefined;
  /** Labels of all certificates on the token, and in the NSS database; a server without an HSM has no token. */
  readonly onToken: readonly string[] | undefined;
  readonly inDatabase: readonly string[];
}

const subAuthority = /^caSigningCert cert-pki-ca (?<id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/iu;

/** FreeIPA's table, as much of it as this server has, and its lightweight CAs. */
export function serverCertificates({ kra, ra, onToken, inDatabase }: ServerParts): AnsweredCertificate[] {
  const listed = systemCertificates.flatMap(({ nickname, profile, subsystem, storage }): AnsweredCertificate[] => {
    if (subsystem === 'kra' && !kra) return [];
    switch (storage) {
      case 'token':
        return [{ nickname, profile, storage: { kind: onToken === undefined ? 'internal' : 'token' } }];
      case 'internal':
        return [{ nickname, profile, storage: { kind: storage } }];
      case 'file':
        return ra === undefined ? [] : [{ nickname, profile, storage: ra }];
    }
  });
  return [
    ...listed,
    ...subAuthorities(onToken ?? [], { kind: 'token' }),
    ...subAuthorities(
      inDatabase.filter((label) => onToken?.includes(label) !== true),
      { kind: 'internal' },
    ),
  ];
}

/** Dogtag puts a lightweight CA's id behind its nickname (CAEngine.java). What lies on the token has a copy without key in the database. */
function subAuthorities(labels: readonly string[], storage: CertificateStorage): AnsweredCertificate[] {
  return [...new Set(labels)].sort().flatMap((nickname) => {
    const authority = subAuthority.exec(nickname)?.groups?.['id'];
    return authority === undefined ? [] : [{ nickname, profile: 'caCACert', storage, authority }];
  });
}
