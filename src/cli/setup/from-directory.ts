import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import type { DirectoryBind, DirectoryConfig } from '../../config/instance.js';
import { isDirectoryUri } from '../../config/schema/directory.js';
import { readCaEntry } from '../../directory/ca-entry.js';
import { textsOf } from '../../directory/entry-values.js';
import { openDirectory } from '../../directory/open.js';
import { HsmongerError } from '../../errors.js';
import type { SetupOptions } from './options.js';

/** What an IPA domain's directory says, and how it was asked: the [directory] of the instance file. */
export interface DomainAnswers {
  readonly token: string;
  /** Absolute path on this machine. */
  readonly module: string;
  readonly directory: DirectoryConfig;
}

/** Asks the directory for token and library (ipaCaHSMConfiguration); every failure of the directory is its own error. */
export async function askDomain(uri: string, options: SetupOptions): Promise<DomainAnswers> {
  if (!isDirectoryUri(uri))
    throw new HsmongerError('USAGE', `--from-directory wants ldapi://%2Fpath%2Fof.socket or ldaps://HOST[:PORT], not '${uri}'.`);
  const asked = {
    uri,
    startTls: uri.startsWith('ldap:'),
    ...(options.directoryCaFile === undefined ? {} : { caFile: options.directoryCaFile }),
    bind: bindOf(uri, options),
    pkiBase: 'o=ipaca',
    host: hostname(),
  };
  const directory = await openDirectory({ ...asked, base: options.directoryBase ?? '' });
  try {
    const base = options.directoryBase ?? (await suffixOf(directory, uri));
    const hsm = (await readCaEntry(directory, base))?.hsm;
    if (hsm === undefined)
      throw new HsmongerError(
        'DIRECTORY_INVALID',
        `The directory at ${uri} does not say on which token the CA's keys are (no ipaCaHSMConfiguration below ${base}); name token and module with --token and --module, without --from-directory.`,
      );
    if (options.token !== undefined && options.token !== hsm.token) {
      throw new HsmongerError(
        'USAGE',
        `The servers of this domain have the CA's keys on token '${hsm.token}', so '${options.token}' cannot be used beside it: a renewed certificate would lie where the others do not look. Leave --token out.`,
      );
    }
    const module = moduleOf(hsm.library, uri, options);
    return { token: hsm.token, module, directory: { ...asked, base } };
  } finally {
    await directory.close();
  }
}

function bindOf(uri: string, { directoryBindDn: dn, directoryPasswordFile: passwordFile }: SetupOptions): DirectoryBind {
  if (dn !== undefined && passwordFile !== undefined) return { method: 'simple', dn, passwordFile };
  if (dn !== undefined || passwordFile !== undefined)
    throw new HsmongerError('USAGE', 'A bind with a password needs --directory-bind-dn and --directory-password-file together.');
  return uri.startsWith('ldapi:') ? { method: 'external' } : { method: 'gssapi', keytab: '/etc/krb5.keytab' };
}

/** 389-ds names the domain's suffix in its root entry. */
async function suffixOf(directory: Awaited<ReturnType<typeof openDirectory>>, uri: string): Promise<string> {
  const [root] = await directory.search({ base: '', scope: 'base', attributes: ['defaultNamingContext', 'namingContexts'] });
  const contexts = textsOf(root, 'namingContexts').filter((context) => /^dc=/iu.test(context));
  const found = textsOf(root, 'defaultNamingContext')[0] ?? (contexts.length === 1 ? contexts[0] : undefined);
  if (found === undefined)
    throw new HsmongerError(
      'DIRECTORY_INVALID',
      `The directory at ${uri} does not name one suffix of the domain; say it with --directory-base.`,
    );
  return found;
}

/** The path is that of the server installed first; another machine may have the library elsewhere. */
function moduleOf(library: string, uri: string, options: SetupOptions): string {
  const given = options.library ?? options.module;
  if (given !== undefined) return given;
  if (!library.startsWith('/') || !existsSync(library))
    throw new HsmongerError(
      'MODULE_NOT_FOUND',
      `The directory at ${uri} names the PKCS#11 module ${library}, which is not on this machine; say where it is with --library.`,
    );
  return library;
}
