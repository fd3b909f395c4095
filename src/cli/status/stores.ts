import { existsSync } from 'node:fs';
import type { CertificateConfig, CertificateStorage, Directories, Instance } from '../../config/instance.js';
import { tokenName } from '../../config/token-of.js';
import type { TokenCertificate } from '../../pkcs11/token.js';
import { askService } from '../../service/ask.js';
import { certificateIn } from '../../tracking/certificate-files.js';
import type { Certificate } from '../../x509/certificate.js';
import { parseCertificate } from '../../x509/parse-certificate.js';

/** A certificate of the instance as its store has it. */
export interface Found {
  /** The token's label, 'internal', or the certificate's file. */
  readonly where: string;
  /** Undefined where the store could not be asked. */
  readonly newest: Certificate | 'none' | undefined;
}

/** The stores after one look. */
export interface Stores {
  find(config: CertificateConfig): Found;
  /** What became of each look. */
  readonly looks: readonly PromiseSettledResult<unknown>[];
}

/**
 * Looks into the stores the instance's certificates lie in, and no others. Certificates are public objects: no login, so no PIN attempt is
 * spent. Files are read as whoever we are.
 */
export async function lookIntoStores(place: { readonly instance: Instance; readonly directories: Directories }): Promise<Stores> {
  const { certificates } = place.instance;
  const lies = (kind: CertificateStorage['kind']) => certificates.some(({ storage }) => storage.kind === kind);
  const [token, internal] = await Promise.allSettled([
    lies('token') ? askService(place, 'inspect token', { keys: false }) : undefined,
    lies('internal') ? askService(place, 'inspect internal store', { keys: false }) : undefined,
  ]);
  const files = await Promise.allSettled(certificates.map((config) => Promise.resolve().then(() => inFile(config))));
  const label = (token.status === 'fulfilled' ? token.value?.description.label : undefined) ?? (place.instance.token === undefined ? '' : tokenName(place.instance.token.selector));
  return {
    looks: [token, internal, ...files],
    find: (config) => {
      switch (config.storage.kind) {
        case 'token':
          return { where: label, newest: newestOf(token, config, 'on the token') };
        case 'internal':
          return { where: 'internal', newest: newestOf(internal, config, 'in the NSS database') };
        case 'file': {
          const look = files[certificates.indexOf(config)];
          return { where: config.storage.certificate, newest: look?.status === 'fulfilled' ? look.value : undefined };
        }
      }
    },
  };
}

function inFile({ nickname, storage }: CertificateConfig): Certificate | 'none' | undefined {
  if (storage.kind !== 'file') return undefined;
  return existsSync(storage.certificate) ? parseCertificate(certificateIn(storage.certificate), `The certificate '${nickname}' in ${storage.certificate}`) : 'none';
}

function newestOf(look: PromiseSettledResult<{ readonly certificates: readonly TokenCertificate[] } | undefined>, { nickname }: CertificateConfig, where: string): Certificate | 'none' | undefined {
  if (look.status === 'rejected') return undefined;
  const [found] = (look.value?.certificates ?? [])
    .filter(({ label }) => label === nickname)
    .map(({ der }) => parseCertificate(der, `The certificate '${nickname}' ${where}`))
    .sort((a, b) => b.notAfter.getTime() - a.notAfter.getTime());
  return found ?? 'none';
}
