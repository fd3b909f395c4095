import { stateDirectory } from '../config/directories.js';
import type { Instance, TokenIssuerConfig } from '../config/instance.js';
import { HsmongerError } from '../errors.js';
import { readImported } from '../issuer/external/imported.js';
import { findAuthority, type Authority } from '../issuer/token/authority.js';
import type { Token } from '../pkcs11/token.js';
import type { ServiceContext } from './context.js';

/** The [issuer] of an instance whose CA is on the token; USAGE for others, whose CAs revoke for themselves. */
export function tokenIssuerOf({ issuer, file }: Instance): TokenIssuerConfig {
  if (issuer.type === 'token') return issuer;
  throw new HsmongerError(
    'USAGE',
    `${file} has the issuer '${issuer.type}': that CA keeps its own list of what it revoked; this works where the CA's key is on the token (type = "token").`,
  );
}

/** The instance's CA, found on its token. Needs no login. */
export function ownAuthority(
  { instance, directories, clock }: Pick<ServiceContext, 'instance' | 'directories' | 'clock'>,
  token: Token,
): Promise<Authority> {
  const { certificate } = tokenIssuerOf(instance);
  return findAuthority(token, certificate, clock(), (spki) =>
    Promise.resolve(readImported(stateDirectory(directories, instance), spki)?.chain ?? []),
  );
}
