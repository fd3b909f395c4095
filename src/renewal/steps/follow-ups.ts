import { publishCaCertificate } from '../../directory/ca-certificates.js';
import type { Directory } from '../../directory/directory.js';
import { updateAuthoritySerial, updatePkiUser } from '../../directory/pki-users.js';
import { isRenewalMaster } from '../../directory/servers.js';
import type { CertificateConfig, DirectoryConfig } from '../../config/instance.js';
import { HsmongerError } from '../../errors.js';
import type { FollowUp } from '../../ledger/journal.js';
import { configFile, setDirectives } from '../../pki-config/cs-cfg.js';
import type { Certificate } from '../../x509/certificate.js';
import { configPlaces } from '../plan.js';
import type { SavingContext } from '../saving-context.js';
import { pathAbove } from './above.js';
import { trustChain } from './chain.js';

/** A certificate that is in place. */
interface Saved {
  readonly config: CertificateConfig;
  readonly certificate: Certificate;
  /** What may stand above it, as far as it is at hand. */
  readonly authorities: readonly Certificate[];
}

/** Does one follow-up; done before, it changes nothing. Gives warnings; throws where it is to be tried again. */
export async function followUp(context: SavingContext, step: FollowUp, { config, certificate, authorities }: Saved): Promise<string[]> {
  switch (step) {
    case 'chain trusted':
      return trustChain(context, config, certificate, authorities);
    case 'configured':
      configure(context, config, certificate);
      return [];
    case 'users updated':
      return onMaster(context, async (directory, { pkiBase }) =>
        (await updatePkiUser(directory, pkiBase, certificate)) === 'no such user'
          ? [`No user below ${pkiBase} has a certificate with the subject of '${config.nickname}', so nobody was given the new one.`]
          : [],
      );
    case 'authority updated':
      return onMaster(context, async (directory, { pkiBase }) =>
        (await updateAuthoritySerial(directory, pkiBase, certificate)) === 'no such authority'
          ? [`No authority below ${pkiBase} has the subject of '${config.nickname}', so no serial number was changed.`]
          : [],
      );
    case 'published':
      return onMaster(context, async (directory, { base }) => {
        const path = await pathAbove(context, certificate, authorities);
        // That a chain is not whole, 'chain trusted' says.
        await publishCaCertificate(directory, base, certificate, 'fault' in path ? [] : [...path.chain, ...path.roots]);
        return [];
      });
  }
}

function configure({ instance, serverRuns }: SavingContext, config: CertificateConfig, certificate: Certificate): void {
  const { pki } = instance;
  if (pki === undefined) return;
  const value = Buffer.from(certificate.der).toString('base64');
  const places = configPlaces(instance, config);
  if (serverRuns !== undefined)
    throw new HsmongerError(
      'PKI_CONFIG_FAILED',
      `${places.map(({ directive }) => directive).join(' and ')} in CS.cfg cannot be changed while the server runs, which writes it too. ${serverRuns}`,
    );
  for (const subsystem of ['ca', 'kra'] as const) {
    const directives = places.filter(({ file }) => file === subsystem).map(({ directive }) => ({ name: directive, value }));
    if (directives.length > 0) setDirectives(configFile(pki.directory, subsystem), directives);
  }
}

/**
 * The entries are the same for every server, and the renewal master's to change: elsewhere there is nothing to do (FreeIPA
 * renew_ca_cert.in).
 */
async function onMaster(
  { instance, directory, directoryTrouble }: SavingContext,
  work: (directory: Directory, config: DirectoryConfig) => Promise<string[]>,
): Promise<string[]> {
  const config = instance.directory;
  if (config === undefined) return [];
  if (directory === undefined)
    throw (
      directoryTrouble ??
      new HsmongerError('DIRECTORY_UNAVAILABLE', `The directory ${config.uri} was not opened before the drop to the service user.`)
    );
  return (await isRenewalMaster(directory, config.base, config.host)) ? work(directory, config) : [];
}
