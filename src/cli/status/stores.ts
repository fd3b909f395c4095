import { existsSync } from 'node:fs';
import type { CertificateConfig, CertificateStorage, InstanceSite } from '../../config/instance.js';
import { tokenName } from '../../config/token-of.js';
import { tokenViews } from '../../config/token-views.js';
import type { TokenCertificate } from '../../pkcs11/token.js';
import { askService } from '../../service/ask.js';
import type { TaskOutput } from '../../service/tasks.js';
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
export async function lookIntoStores(place: InstanceSite): Promise<Stores> {
  const { certificates } = place.instance;
  const lies = (kind: CertificateStorage['kind']) => certificates.some(({ storage }) => storage.kind === kind);
  const [internal] = await Promise.allSettled([
    lies('internal') ? askService(place, 'inspect internal store', { keys: false }) : undefined,
  ]);
  const tokens = new Map(
    await Promise.all(
      tokenViews(place.instance).map(async (view) => [view.partOn, await lookAtToken({ ...place, instance: view })] as const),
    ),
  );
  const files = await Promise.allSettled(certificates.map((config) => Promise.resolve().then(() => inFile(config))));
  return {
    looks: [...[...tokens.values()].map(({ look }) => look), internal, ...files],
    find: (config) => {
      switch (config.storage.kind) {
        case 'token': {
          const token = tokens.get(config.storage.on);
          return { where: token?.label ?? '', newest: token === undefined ? undefined : newestOf(token.look, config, 'on the token') };
        }
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

/** The token of a view, as far as a certificate lies on it. */
async function lookAtToken(
  place: InstanceSite,
): Promise<{ readonly label: string; readonly look: PromiseSettledResult<TaskOutput<'inspect token'> | undefined> }> {
  const { certificates, token } = place.instance;
  const [look] = await Promise.allSettled([
    certificates.some(({ storage }) => storage.kind === 'token') ? askService(place, 'inspect token', { keys: false }) : undefined,
  ]);
  return {
    look,
    label:
      (look.status === 'fulfilled' ? look.value?.description.label : undefined) ?? (token === undefined ? '' : tokenName(token.selector)),
  };
}

function inFile({ nickname, storage }: CertificateConfig): Certificate | 'none' | undefined {
  if (storage.kind !== 'file') return undefined;
  return existsSync(storage.certificate)
    ? parseCertificate(certificateIn(storage.certificate), `The certificate '${nickname}' in ${storage.certificate}`)
    : 'none';
}

function newestOf(
  look: PromiseSettledResult<{ readonly certificates: readonly TokenCertificate[] } | undefined>,
  { nickname }: CertificateConfig,
  where: string,
): Certificate | 'none' | undefined {
  if (look.status === 'rejected') return undefined;
  const [found] = (look.value?.certificates ?? [])
    .filter(({ label }) => label === nickname)
    .map(({ der }) => parseCertificate(der, `The certificate '${nickname}' ${where}`))
    .sort((a, b) => b.notAfter.getTime() - a.notAfter.getTime());
  return found ?? 'none';
}
