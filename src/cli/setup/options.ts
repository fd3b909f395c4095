import type { Argv } from 'yargs';
import type { NamedProfile, Instance } from '../../config/instance.js';
import { HsmongerError } from '../../errors.js';
import { databaseFlag, moduleFlags, pathFlag } from '../flags.js';
import type { GlobalFlags, GlobalOptions } from '../global-options.js';

export interface SetupOptions extends GlobalOptions {
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly freeipa: boolean;
  readonly token: string | undefined;
  readonly module: string | undefined;
  readonly moduleEnv: Record<string, string> | undefined;
  readonly moduleParameters: string | undefined;
  readonly pinFile: string | undefined;
  readonly dbdir: string | undefined;
  readonly nssPasswordFile: string | undefined;
  readonly user: string | undefined;
  readonly issuer: Instance['issuer']['type'] | undefined;
  readonly issuerCertificate: string | undefined;
  readonly certificate: readonly NamedProfile[] | undefined;
  readonly restart: string | undefined;
  readonly from: string | undefined;
  readonly owner: string | undefined;
  readonly fromKipuka: string | undefined;
  readonly printPkispawn: boolean;
  readonly fromDirectory: string | undefined;
  readonly library: string | undefined;
  readonly directoryBase: string | undefined;
  readonly directoryBindDn: string | undefined;
  readonly directoryPasswordFile: string | undefined;
  readonly directoryCaFile: string | undefined;
  readonly caUrl: string | undefined;
  readonly caFile: string | undefined;
  readonly agentCertificate: string | undefined;
  readonly agentKey: string | undefined;
}

const issuers = ['token', 'dogtag', 'directory', 'external'] as const;

// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- yargs works the type out
export function withSetupOptions(yargs: Argv<GlobalFlags>) {
  return yargs
    .option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'Ask nothing' })
    .option('dry-run', { type: 'boolean', default: false, describe: 'Only tell what would be done; exit status 3 when there is anything' })
    .option('freeipa', { type: 'boolean', default: false, describe: 'Find everything on an IPA server and take its renewals over' })
    .options(moduleFlags)
    .option('dbdir', databaseFlag)
    .option('nss-password-file', {
      ...pathFlag,
      describe: "File with the NSS database's own password",
    })
    .option('issuer', { choices: issuers, describe: 'Who signs [token]' })
    .option('issuer-certificate', { type: 'string', requiresArg: true, describe: "Nickname of the CA's certificate on the token" })
    .option('certificate', {
      type: 'string',
      array: true,
      requiresArg: true,
      coerce: certificates,
      describe: 'NICKNAME=PROFILE, repeatable; default: what is on the token',
    })
    .option('restart', { type: 'string', requiresArg: true, describe: 'systemd unit to restart after a renewal' })
    .option('from', {
      type: 'string',
      requiresArg: true,
      describe: "Be a clone: take everything from the instance file of another host with the same token; '-' reads it from standard input",
    })
    .option('owner', {
      type: 'string',
      requiresArg: true,
      describe: "The host that owns the CA's ledger and CRL, with --from where the file does not say it",
    })
    .option('from-kipuka', {
      ...pathFlag,
      describe: 'One instance for each CA of this kipuka.toml, with its certificate put beside its key on the token',
    })
    .option('print-pkispawn', {
      type: 'boolean',
      default: false,
      describe: 'Only print the pki_hsm_* override for a first installation on the token, for pkispawn or --pki-config-override',
    })
    .conflicts('from-kipuka', ['from', 'from-directory', 'issuer', 'issuer-certificate', 'certificate'])
    .conflicts('from', ['from-directory', 'issuer', 'issuer-certificate', 'certificate'])
    .implies('owner', 'from')
    .option('from-directory', {
      type: 'string',
      requiresArg: true,
      describe: 'Take token and module from the directory of an IPA domain at this ldapi:// or ldaps:// URI',
    })
    .option('library', {
      ...pathFlag,
      describe: 'PKCS#11 module on this machine, where the directory says another',
    })
    .option('directory-base', { type: 'string', requiresArg: true, describe: "The domain's suffix [what the directory says]" })
    .option('directory-bind-dn', {
      type: 'string',
      requiresArg: true,
      describe: 'Who to be there [ldapi: root; else the host, by /etc/krb5.keytab]',
    })
    .option('directory-password-file', {
      ...pathFlag,
      describe: 'File with the password of --directory-bind-dn',
    })
    .option('directory-ca-file', {
      ...pathFlag,
      describe: "PEM: what the directory's certificate must chain to",
    })
    .option('ca-url', {
      type: 'string',
      requiresArg: true,
      describe: 'Where the Dogtag server is, with --issuer dogtag: https://HOST:8443',
    })
    .option('ca-file', {
      ...pathFlag,
      describe: "PEM: what the Dogtag server's certificate must chain to",
    })
    .option('agent-certificate', {
      ...pathFlag,
      describe: "PEM: an agent's certificate at the Dogtag server",
    })
    .option('agent-key', { ...pathFlag, describe: 'PEM: its key' });
}

/** The profile stands behind the last '=': a nickname may hold one. */
function certificates(words: readonly string[] | undefined): NamedProfile[] | undefined {
  return words?.map((word) => {
    const at = word.lastIndexOf('=');
    if (at < 1 || at === word.length - 1) throw new HsmongerError('USAGE', `--certificate wants NICKNAME=PROFILE, not '${word}'.`);
    return { nickname: word.slice(0, at), profile: word.slice(at + 1) };
  });
}
