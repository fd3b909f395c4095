import { existsSync } from 'node:fs';
import type { CertificateStorage, Directories } from '../../../config/instance.js';
import { HsmongerError } from '../../../errors.js';
import { ldapiUri, readDefaultConf } from '../../../freeipa/default-conf.js';
import { passwordConfFile, readPasswordConf } from '../../../freeipa/password-conf.js';
import { keepsCertificatesInConfig } from '../../../freeipa/pki-version.js';
import { onServer } from '../../../freeipa/server-file.js';
import { readHsmState, sysrestoreFile } from '../../../freeipa/sysrestore.js';
import type { NssModule } from '../../../nss/modules.js';
import { askService } from '../../../service/ask.js';
import { provisionalInstance, type ProvisionalToken } from '../../provisional-instance.js';
import type { Answers, TokenAnswers } from '../document.js';
import type { SetupOptions } from '../options.js';
import type { Questions } from '../questions.js';
import { serverCertificates } from './certificates.js';
import { nssPinFileOf, pinFileOf } from './pin-files.js';
import { askDirectory } from './server-directory.js';

const database = '/etc/pki/pki-tomcat/alias';
const pkiDirectory = '/etc/pki/pki-tomcat';
const unit = 'pki-tomcatd@pki-tomcat.service';

export interface DiscoverySources {
  readonly options: SetupOptions;
  readonly instance: string;
  readonly directories: Directories;
  readonly questions: Questions;
  readonly root: string;
}

/**
 * Finds everything an instance file says on an IPA server, with an HSM or without. Reads only, logs in nowhere; a flag wins over what is
 * found.
 */
export async function discoverServer(sources: DiscoverySources): Promise<Answers> {
  const { options, instance, directories, root } = sources;
  const at = (file: string) => onServer(root, file);
  const conf = readDefaultConf(root);
  const hsm = readHsmState(root);
  const token = hsm.enabled ? hsm.token : undefined;
  assertFlags(options, token, at(sysrestoreFile));
  if (!existsSync(at(`${pkiDirectory}/ca/CS.cfg`)))
    throw new HsmongerError(
      'FREEIPA_INVALID',
      `There is no ${at(`${pkiDirectory}/ca/CS.cfg`)}: this IPA server has no CA of its own, so there is nothing to renew here.`,
    );
  const passwords = readPasswordConf(root);
  if (token !== undefined && !passwords.hardware.has(token))
    throw new HsmongerError(
      'FREEIPA_INVALID',
      `${at(passwordConfFile)} has no line 'hardware-${token}=' with the PIN of token '${token}'; add it as Dogtag needs it too.`,
    );

  const directory = {
    uri: ldapiUri(root, conf),
    startTls: false,
    bind: { method: 'external' },
    base: conf.base,
    pkiBase: 'o=ipaca',
    host: conf.host,
  } as const;
  const { subjectBase, hsm: shared } = await askDirectory(directory, conf.realm);
  if (token !== undefined && shared !== undefined && shared.token !== token) {
    throw new HsmongerError(
      'PREFLIGHT_FAILED',
      `${at(sysrestoreFile)} says that the CA's keys are on token '${token}', the directory (ipaCaHSMConfiguration) on '${shared.token}'; servers of one CA share one token. Correct what is wrong.`,
    );
  }
  const user = options.user ?? 'pkiuser';
  const provisional = {
    instance,
    user,
    module: '/',
    environment: options.moduleEnv ?? {},
    parameters: options.moduleParameters,
    database: options.dbdir ?? at(database),
  };
  const onToken = token === undefined ? undefined : await lookAtToken(sources, provisional, token, shared?.library);
  const inDatabase = await askService({ directories, instance: provisionalInstance(provisional) }, 'inspect internal store', {
    keys: false,
  });
  const hasPassword = inDatabase.description.loginRequired;
  if (hasPassword && options.nssPasswordFile === undefined && passwords.internal === undefined) {
    throw new HsmongerError(
      'FREEIPA_INVALID',
      `The NSS database ${provisional.database} has a password, and ${at(passwordConfFile)} has no line 'internal=' with it; add it as Dogtag needs it too.`,
    );
  }
  const ra = raAgent(root);
  return {
    user,
    ...(onToken === undefined ? {} : { token: onToken.token }),
    database: provisional.database,
    ...(hasPassword ? { nssPasswordFile: options.nssPasswordFile ?? nssPinFileOf(directories, instance) } : {}),
    issuer: 'dogtag',
    issuerCertificate: 'caSigningCert cert-pki-ca',
    dogtag: {
      url: `https://${conf.caHost}:8443`,
      caFile: at('/etc/ipa/ca.crt'),
      ...(ra === undefined ? {} : { agent: { certificate: ra.certificate, key: ra.key } }),
    },
    directory,
    freeipa: { subjectBase, lockFile: at('/run/ipa/renewal.lock'), csrFile: at('/var/lib/ipa/ca.csr') },
    pki: { directory: at(pkiDirectory), unit, certificatesInConfig: keepsCertificatesInConfig(root) },
    certificates: serverCertificates({
      kra: existsSync(at(`${pkiDirectory}/kra/CS.cfg`)),
      ra,
      onToken: onToken?.labels,
      inDatabase: labelsOf(inDatabase),
    }),
  };
}

/** What flags say of the token must be what the server says of it: USAGE otherwise. */
function assertFlags(options: SetupOptions, token: string | undefined, file: string): void {
  const { token: given, module, moduleEnv, moduleParameters, pinFile, library } = options;
  if (token === undefined) {
    const [stray] = Object.entries({
      token: given,
      module,
      'module-env': moduleEnv,
      'module-parameters': moduleParameters,
      'pin-file': pinFile,
      library,
    }).flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
    if (stray !== undefined)
      throw new HsmongerError(
        'USAGE',
        `This IPA server keeps its CA's keys in its NSS database, not on an HSM ([pki_hsm] in ${file} is not enabled), so --${stray} says nothing here. Leave it out.`,
      );
  } else if (given !== undefined && given !== token) {
    throw new HsmongerError(
      'USAGE',
      `FreeIPA's keys are on token '${token}' (${file}), so --token '${given}' cannot be right: a server's keys are all on one token. Leave --token out.`,
    );
  }
}

/** The token's part of the instance file, and the labels of its certificates. */
async function lookAtToken(
  { options, instance, directories, questions }: DiscoverySources,
  provisional: ProvisionalToken,
  label: string,
  library: string | undefined,
): Promise<{ readonly token: TokenAnswers; readonly labels: string[] }> {
  const modules = await askService({ directories, instance: provisionalInstance(provisional) }, 'list NSS modules', undefined);
  const module = await questions.value({
    flag: 'module',
    question: 'PKCS#11 module',
    given: options.module,
    candidates: librariesOf(modules, label) ?? (library === undefined ? [] : [library]),
  });
  const contents = await askService({ directories, instance: provisionalInstance({ ...provisional, module, label }) }, 'inspect token', {
    keys: false,
  });
  return {
    token: {
      label,
      module,
      environment: provisional.environment,
      parameters: provisional.parameters,
      pinFile: options.pinFile ?? pinFileOf(directories, instance),
    },
    labels: labelsOf(contents),
  };
}

function labelsOf({ certificates }: { readonly certificates: readonly { readonly label: string }[] }): string[] {
  return certificates.map(({ label }) => label);
}

/** Libraries that show the token; p11-kit's proxy shows every token of the machine and is nobody's module. Undefined where none does. */
function librariesOf(modules: readonly NssModule[], token: string): string[] | undefined {
  const found = modules.flatMap(({ library, tokens }) =>
    library?.startsWith('/') === true && !library.includes('p11-kit-proxy') && tokens.includes(token) ? [library] : [],
  );
  return found.length === 0 ? undefined : found;
}

/** Owner and mode are left as FreeIPA made them. */
function raAgent(root: string): Extract<CertificateStorage, { readonly kind: 'file' }> | undefined {
  const [certificate, key] = [onServer(root, '/var/lib/ipa/ra-agent.pem'), onServer(root, '/var/lib/ipa/ra-agent.key')];
  return existsSync(certificate) && existsSync(key) ? { kind: 'file', certificate, key } : undefined;
}
