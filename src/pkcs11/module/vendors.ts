import { realpathSync } from 'node:fs';
import { sentenceOf } from '../../errors.js';
import { distrustOf } from '../../platform/trusted-path.js';
import { notAModule } from './shared-object.js';

/** A PKCS#11 library somebody ships. */
interface VendorModule {
  readonly vendor: string;
  readonly product: string;
  /** Absolute; {lib} stands for each of the directories distributions put libraries into. */
  readonly paths: readonly string[];
  /** Variables it reads, with what they say; the instance file's [token] environment sets them. */
  readonly environment: Readonly<Record<string, string>>;
  /** What else it wants, a whole sentence. */
  readonly needs?: string;
  /** It shows other modules' tokens, or none unless more is said: nobody who has not named it is meant. */
  readonly onlyByName?: true;
}

/** Debian's multiarch directories by processor, Fedora's and SUSE's lib64, and what others use. */
export const libraryDirectories: Readonly<Partial<Record<NodeJS.Architecture, readonly string[]>>> = {
  x64: ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib', '/usr/local/lib', '/usr/local/lib64'],
  arm64: ['/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib', '/usr/local/lib', '/usr/local/lib64'],
  arm: ['/usr/lib/arm-linux-gnueabihf', '/usr/lib', '/usr/local/lib'],
  ppc64: ['/usr/lib/powerpc64le-linux-gnu', '/usr/lib64', '/usr/lib', '/usr/local/lib'],
  s390x: ['/usr/lib/s390x-linux-gnu', '/usr/lib64', '/usr/lib', '/usr/local/lib'],
  riscv64: ['/usr/lib/riscv64-linux-gnu', '/usr/lib64', '/usr/lib', '/usr/local/lib'],
};

/**
 * Where vendors install by default, as far as we know, and where distributions' packages put them. Those of Entrust, Utimaco, Thales,
 * Kryoptic, SoftHSM, Amazon and Yubico that kipuka's page "HSM Integration" lists (Supported Vendors and Library Paths) come first.
 */
export const vendorModules: readonly VendorModule[] = [
  {
    vendor: 'Entrust',
    product: 'nShield',
    paths: ['/opt/nfast/toolkits/pkcs11/libcknfast.so'],
    environment: {
      CKNFAST_LOADSHARING: '1 shows one slot for all modules of a security world',
      CKNFAST_FAKE_ACCELERATOR_LOGIN: '1 lets module-protected keys be used without a card',
    },
    needs: 'The service user must be in the group nfast, and the hardserver must run.',
  },
  {
    vendor: 'Utimaco',
    product: 'CryptoServer / SecurityServer',
    paths: [
      '/opt/utimaco/lib/libcs_pkcs11_R3.so',
      '/opt/utimaco/lib/libcs_pkcs11_R2.so',
      '/opt/utimaco/p11/libcs_pkcs11_R3.so',
      '{lib}/libcs_pkcs11_R3.so',
      '{lib}/libcs_pkcs11_R2.so',
    ],
    environment: { CS_PKCS11_R3_CFG: 'path of cs_pkcs11_R3.cfg (CS_PKCS11_R2_CFG for the older library)' },
  },
  {
    vendor: 'Thales',
    product: 'Luna',
    paths: [
      '/usr/safenet/lunaclient/lib/libCryptoki2_64.so',
      '/usr/lunasa/lib/libCryptoki2_64.so',
      '/opt/safenet/lunaclient/lib/libCryptoki2_64.so',
    ],
    environment: { ChrystokiConfigurationPath: 'directory of Chrystoki.conf, where it is not /etc' },
    needs: 'The service user must be in the group hsmusers.',
  },
  {
    vendor: 'Kryoptic project',
    product: 'Kryoptic',
    paths: [
      '/usr/lib/pkcs11/libkryoptic_pkcs11.so',
      '{lib}/pkcs11/libkryoptic_pkcs11.so',
      '{lib}/kryoptic/libkryoptic_pkcs11.so',
      '{lib}/libkryoptic_pkcs11.so',
    ],
    environment: { KRYOPTIC_CONF: "path of its configuration, or of the token's own file" },
  },
  {
    vendor: 'SoftHSM project',
    product: 'SoftHSM2',
    paths: [
      '/usr/lib/softhsm/libsofthsm2.so',
      '{lib}/softhsm/libsofthsm2.so',
      '{lib}/pkcs11/libsofthsm2.so',
      '{lib}/libsofthsm2.so',
      '/opt/softhsm2/lib/softhsm/libsofthsm2.so',
    ],
    environment: { SOFTHSM2_CONF: 'path of softhsm2.conf, where it is not /etc/softhsm/softhsm2.conf or /etc/softhsm2.conf' },
    needs: 'The directory of its tokens must belong to the service user.',
  },
  {
    vendor: 'Amazon',
    product: 'CloudHSM',
    paths: ['/opt/cloudhsm/lib/libcloudhsm_pkcs11.so'],
    environment: {},
    needs: "The PIN is 'CRYPTO_USER:PASSWORD', and 'configure-pkcs11' must have been run.",
  },
  {
    vendor: 'Yubico',
    product: 'YubiHSM 2',
    paths: ['{lib}/pkcs11/yubihsm_pkcs11.so', '{lib}/yubihsm_pkcs11.so'],
    environment: { YUBIHSM_PKCS11_CONF: 'path of yubihsm_pkcs11.conf with the connector' },
    needs:
      "The connector must run (yubihsm-connector), or the service user must have the USB device; the PIN is the authentication key's number in four hexadecimal digits and its password.",
  },
  {
    vendor: 'OpenSC project',
    product: 'OpenSC (Nitrokey HSM, SmartCard-HSM, smart cards)',
    paths: ['{lib}/opensc-pkcs11.so', '{lib}/pkcs11/opensc-pkcs11.so'],
    environment: { OPENSC_CONF: 'path of opensc.conf, where it is not /etc/opensc/opensc.conf' },
    needs: 'pcscd must run, and polkit must let the service user use it.',
  },
  {
    vendor: 'p11-glue',
    product: 'p11-kit proxy',
    paths: ['{lib}/p11-kit-proxy.so', '{lib}/libp11-kit.so.0'],
    environment: {},
    onlyByName: true,
    needs: 'It shows the tokens of all modules in /etc/pkcs11/modules and /usr/share/p11-kit/modules.',
  },
  {
    vendor: 'p11-glue',
    product: 'p11-kit client (a token of another host)',
    paths: ['{lib}/pkcs11/p11-kit-client.so'],
    environment: { P11_KIT_SERVER_ADDRESS: 'unix:path= of the socket p11-kit server listens on' },
    onlyByName: true,
  },
  {
    vendor: 'tpm2-software',
    product: 'tpm2-pkcs11',
    paths: ['{lib}/pkcs11/libtpm2_pkcs11.so', '{lib}/libtpm2_pkcs11.so.1', '{lib}/libtpm2_pkcs11.so'],
    environment: { TPM2_PKCS11_STORE: 'directory of its store', TPM2_PKCS11_TCTI: 'how the TPM is reached' },
    needs: 'The service user must be in the group tss.',
  },
  {
    vendor: 'openCryptoki project',
    product: 'openCryptoki',
    paths: [
      '{lib}/opencryptoki/libopencryptoki.so',
      '{lib}/pkcs11/libopencryptoki.so',
      '{lib}/libopencryptoki.so',
      '{lib}/pkcs11/PKCS11_API.so',
      '{lib}/pkcs11/PKCS11_API.so64',
    ],
    environment: {},
    needs: 'pkcsslotd must run, and the service user must be in the group pkcs11.',
  },
  {
    vendor: 'Mozilla',
    product: 'NSS softokn',
    paths: ['{lib}/nss/libsoftokn3.so', '{lib}/libsoftokn3.so'],
    environment: {},
    onlyByName: true,
    needs:
      "[token] parameters must name the database: configdir='sql:DIRECTORY' certPrefix='' keyPrefix='' secmod='secmod.db' flags=readWrite.",
  },
];

/** A library that lies on this machine. */
export interface FoundModule extends Omit<VendorModule, 'paths'> {
  /** The first of the names it was found under. */
  readonly path: string;
  readonly realPath: string;
  /** Why it would not be loaded, as the end of a sentence. */
  readonly problem?: string;
}

/** Every path a library may lie at on a processor. */
export function knownPaths(architecture: NodeJS.Architecture = process.arch): string[] {
  return vendorModules.flatMap(({ paths }) => paths).flatMap((pattern) => spelled(pattern, architecture));
}

/** The known libraries on this machine. They are looked at, not loaded: loading runs their code. */
export function findModules(architecture: NodeJS.Architecture = process.arch): FoundModule[] {
  const seen = new Set<string>();
  return vendorModules.flatMap(({ paths, ...vendor }) =>
    paths
      .flatMap((pattern) => spelled(pattern, architecture))
      .flatMap((path): FoundModule[] => {
        const realPath = realOf(path);
        if (realPath === undefined || seen.has(realPath)) return [];
        seen.add(realPath);
        const problem = problemOf(path);
        return [{ ...vendor, path, realPath, ...(problem === undefined ? {} : { problem }) }];
      }),
  );
}

function spelled(pattern: string, architecture: NodeJS.Architecture): string[] {
  const directories = libraryDirectories[architecture] ?? ['/usr/lib64', '/usr/lib', '/usr/local/lib'];
  return pattern.includes('{lib}') ? directories.map((directory) => pattern.replace('{lib}', directory)) : [pattern];
}

function realOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function problemOf(path: string): string | undefined {
  try {
    return distrustOf(path) ?? notAModule(path);
  } catch (error) {
    return `cannot be read: ${sentenceOf(error)}`;
  }
}
