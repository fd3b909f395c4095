import { stateDirectory } from '../config/directories.js';
import type { Instance, InstanceSite, TokenIssuerConfig } from '../config/instance.js';
import { HsmongerError } from '../errors.js';
import { readImported } from '../issuer/external/imported.js';
import { findAuthority, type Authority } from '../issuer/token/authority.js';
import type { Token } from '../pkcs11/token.js';
import type { Certificate } from '../x509/certificate.js';
import type { ServiceContext } from './context.js';

/** The [issuer] of an instance whose CA is on the token; USAGE for others, whose CAs issue and revoke for themselves. */
export function tokenIssuerOf({ issuer, file }: Instance): TokenIssuerConfig {
  if (issuer.type === 'token') return issuer;
  throw new HsmongerError(
    'USAGE',
    `${file} has the issuer '${issuer.type}': that CA issues, and keeps its own list of what it revoked; this works where the CA's key is on the token (type = "token").`,
  );
}

/** What is known of the CAs above a key (DER SubjectPublicKeyInfo) beside the token: what came with the answer of an outside CA. */
export function importedAbove({ instance, directories }: InstanceSite): (spki: Uint8Array) => Promise<readonly Certificate[]> {
  return (spki) => Promise.resolve(readImported(stateDirectory(directories, instance), spki)?.chain ?? []);
}

/** The instance's CA, found on its token. Needs no login unless certificates of two keys have its nickname. */
export function ownAuthority(context: InstanceSite & Pick<ServiceContext, 'clock'>, token: Token): Promise<Authority> {
  return findAuthority(token, tokenIssuerOf(context.instance).certificate, context.clock(), importedAbove(context));
}
