import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Account } from '../../src/platform/service-user.js';
import { createAuthority, type Authority } from '../rig/authority.js';
import { createNssDatabase, type NssDatabase } from '../rig/nss-database.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';

/** A CA as an administrator has it: token, four certificates, NSS database, instance file. */
export interface Site {
  readonly directory: string;
  readonly user: Account;
  readonly token: SoftToken;
  readonly authority: Authority;
  readonly nss: NssDatabase;
  /** Flags for our programs. */
  readonly flags: readonly string[];
}

export const caNickname = 'caSigningCert cert-pki-ca';
export const ocspNickname = 'ocspSigningCert cert-pki-ca';

/** The CA's own certificate has years left: nobody waits for its renewal first. */
export async function createSite(directory: string, user: Account): Promise<Site> {
  const token = await createSoftToken({ directory, owner: user });
  const authority = await createAuthority(token, { only: { [caNickname]: { daysLeft: 5000 } } });
  const nss = await createNssDatabase({ directory, owner: user, token });
  const [config, state] = ['etc', 'state'].map((name) => path.join(directory, name)) as [string, string];
  mkdirSync(config);
  const text = (value: string) => JSON.stringify(value);
  writeFileSync(
    path.join(config, 'hsmonger.toml'),
    `user = ${text(user.name)}

[token]
label = ${text(token.label)}
module = ${text(token.module)}
pin-file = ${text(token.pinFile)}
environment = { SOFTHSM2_CONF = ${text(token.confFile)} }

[nss]
database = ${text(nss.database)}

[issuer]
type = "token"
certificate = ${text(caNickname)}
${authority.certificates.map(({ nickname, profile }) => `\n[[certificate]]\nnickname = ${text(nickname)}\nprofile = ${text(profile)}\n`).join('')}`,
  );
  return { directory, user, token, authority, nss, flags: ['--instance', 'hsmonger', '--config-dir', config, '--state-dir', state] };
}
