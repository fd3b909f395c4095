import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Account } from '../../src/platform/service-user.js';
import { runAs } from './run-as.js';
import type { SoftToken } from './soft-token.js';

export interface NssDatabase {
  /** Absolute directory, no `sql:` prefix. */
  readonly database: string;
  /** Name the PKCS#11 module is registered under. */
  readonly moduleName?: string;
  /** The internal database's own password, 0600, the owner's. */
  readonly passwordFile?: string;
  /** File of `TOKEN:PIN` lines certutil's -f understands, 0600, the owner's: token and internal database. */
  readonly loginFile: string;
}

export interface NssDatabaseOptions {
  readonly directory: string;
  readonly owner?: Account;
  /** Its module is registered with modutil. */
  readonly token?: SoftToken;
  /** Of the internal database; default none. */
  readonly password?: string;
  /** Trust flags set on the token's nicknames, as Dogtag has them; default none. */
  readonly trust?: Readonly<Record<string, string>>;
  /** Directory's name below `directory`. Default 'alias'. */
  readonly name?: string;
}

/** Trust of a Dogtag CA's certificates. */
export const dogtagTrust = {
  'caSigningCert cert-pki-ca': 'CTu,Cu,Cu',
  'ocspSigningCert cert-pki-ca': 'u,u,u',
  'auditSigningCert cert-pki-ca': 'u,u,Pu',
  'subsystemCert cert-pki-ca': 'u,u,u',
} as const;

/** An NSS database (sql) made by certutil and modutil, all files the owner's. */
export async function createNssDatabase(options: NssDatabaseOptions): Promise<NssDatabase> {
  const { directory, token } = options;
  const owner = options.owner ?? token?.owner;
  const database = path.join(directory, options.name ?? 'alias');
  const write = (file: string, text: string) => {
    writeFileSync(file, text, { mode: 0o600 });
    if (owner !== undefined) chownSync(file, owner.uid, owner.gid);
    return file;
  };
  mkdirSync(database, { mode: 0o770 });
  if (owner !== undefined) chownSync(database, owner.uid, owner.gid);
  const passwordFile = options.password === undefined ? undefined : write(`${database}.password`, `${options.password}\n`);
  const loginFile = write(
    `${database}.logins`,
    `${token === undefined ? '' : `${token.label}:${token.pin}\n`}NSS Certificate DB:${options.password ?? ''}\n`,
  );
  const nss = (program: string, ...args: string[]) => runAs(owner, program, args, { env: { ...token?.environment }, cwd: '/' });

  await nss('certutil', '-N', '-d', `sql:${database}`, ...(passwordFile === undefined ? ['--empty-password'] : ['-f', passwordFile]));
  const moduleName = token === undefined ? undefined : path.basename(token.module).replace(/\.so.*$/u, '');
  if (token !== undefined && moduleName !== undefined) {
    await nss('modutil', '-dbdir', `sql:${database}`, '-add', moduleName, '-libfile', token.module, '-force');
    for (const [nickname, flags] of Object.entries(options.trust ?? {})) {
      await nss('certutil', '-M', '-d', `sql:${database}`, '-n', `${token.label}:${nickname}`, '-t', flags, '-f', loginFile);
    }
  }
  return {
    database,
    loginFile,
    ...(moduleName === undefined ? {} : { moduleName }),
    ...(passwordFile === undefined ? {} : { passwordFile }),
  };
}
