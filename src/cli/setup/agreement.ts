import type { Instance } from '../../config/instance.js';
import { HsmongerError } from '../../errors.js';
import type { SetupOptions } from './options.js';

/**
 * An instance file is edited by hand, not by flags: what a flag says against it is refused before anything happens. `command` is run again
 * without it.
 */
export function assertAgreement(instance: Instance, options: Partial<SetupOptions>, command = 'setup'): void {
  const { token, nss, issuer, directory, saving } = instance;
  const dogtag = issuer.type === 'dogtag' ? issuer : undefined;
  refuseDifferences(instance, command, [
    ['token', options.token, token?.selector.by === 'label' ? token.selector.label : undefined],
    ['module', options.module, token?.module],
    ['module-env', options.moduleEnv, token?.environment],
    ['module-parameters', options.moduleParameters, token?.parameters],
    ['pin-file', options.pinFile, token?.pin.from === 'file' ? token.pin.path : undefined],
    ['dbdir', options.dbdir, nss.database],
    ['nss-password-file', options.nssPasswordFile, nss.passwordFile],
    ['user', options.user, instance.user],
    ['issuer', options.issuer, issuer.type],
    ['issuer-certificate', options.issuerCertificate, issuer.certificate],
    ['certificate', options.certificate, instance.certificates.map(({ nickname, profile }) => ({ nickname, profile }))],
    ['restart', options.restart, saving.restart],
    ['from-directory', options.fromDirectory, directory?.uri],
    ['library', options.library, token?.module],
    ['directory-base', options.directoryBase, directory?.base],
    ['directory-bind-dn', options.directoryBindDn, directory?.bind.method === 'simple' ? directory.bind.dn : undefined],
    [
      'directory-password-file',
      options.directoryPasswordFile,
      directory?.bind.method === 'simple' ? directory.bind.passwordFile : undefined,
    ],
    ['directory-ca-file', options.directoryCaFile, directory?.caFile],
    ['ca-url', options.caUrl, dogtag?.url],
    ['ca-file', options.caFile, dogtag?.caFile],
    ['agent-certificate', options.agentCertificate, dogtag?.agent?.certificate],
    ['agent-key', options.agentKey, dogtag?.agent?.key],
  ]);
}

/** One flag: what it says, and what the file says. */
export type Pair = readonly [flag: string, given: unknown, written: unknown];

/** USAGE where a flag is given and says otherwise than the file; `command` is run again without it. */
export function refuseDifferences(instance: Instance, command: string, pairs: readonly Pair[]): void {
  const different = pairs.filter(([, given, written]) => given !== undefined && !same(given, written)).map(([flag]) => `--${flag}`);
  if (different.length > 0) {
    throw new HsmongerError(
      'USAGE',
      `${instance.file} exists and says otherwise than ${different.join(', ')}: edit the file and run ${command} without, or run 'hsmonger unsetup --instance ${instance.name}' first.`,
    );
  }
}

function same(given: unknown, written: unknown): boolean {
  return JSON.stringify(sorted(given)) === JSON.stringify(sorted(written));
}

/** Neither the order of variables nor that of certificates means anything. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => JSON.stringify(each)).sort();
  return typeof value === 'object' && value !== null ? Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)) : value;
}
