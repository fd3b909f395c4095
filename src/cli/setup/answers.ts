import type { Directories } from '../../config/instance.js';
import { isUri } from '../../config/pkcs11-uri.js';
import { HsmongerError } from '../../errors.js';
import { accountOf } from '../../platform/service-user.js';
import { askService } from '../../service/ask.js';
import { labelByUri, moduleAndPin } from '../token/label-by-uri.js';
import { provisionalInstance } from '../provisional-instance.js';
import { databaseCandidates, moduleCandidates, pinFileCandidates } from './candidates.js';
import type { Answers, DogtagAnswers } from './document.js';
import { findCertificates, renewableBy } from './found-certificates.js';
import { askDomain } from './from-directory.js';
import type { SetupOptions } from './options.js';
import type { Questions } from './questions.js';

/** Finds or asks for everything an instance file says. Reads only; logs in to the token once. `tell` gets sentences worth knowing. */
export async function gatherAnswers(
  options: SetupOptions,
  directories: Directories,
  questions: Questions,
  tell: (sentence: string) => void,
): Promise<Answers> {
  const issuer = options.issuer ?? 'token';
  const dogtag = dogtagOf(options, issuer);
  const domain = options.fromDirectory === undefined ? undefined : await askDomain(options.fromDirectory, options);
  if (issuer === 'directory' && domain === undefined)
    throw new HsmongerError('USAGE', 'Issuer directory takes what another server has published: say where with --from-directory URI.');
  const { user } = accountNamed(
    await questions.value({
      flag: 'user',
      question: 'Service user (owner of the NSS database)',
      given: options.user,
      candidates: ['pkiuser'],
    }),
  );
  const given = moduleAndPin(options);
  const module = await questions.value({
    flag: 'module',
    question: 'PKCS#11 module',
    given: domain?.module ?? options.module ?? options.library ?? given.module,
    candidates: moduleCandidates(),
  });
  const database = await questions.value({
    flag: 'dbdir',
    question: 'NSS database',
    given: options.dbdir,
    candidates: databaseCandidates(),
  });
  const pinFile = await questions.value({
    flag: 'pin-file',
    question: 'PIN file',
    given: given.pinFile,
    candidates: pinFileCandidates(directories.config, options.instance),
  });
  const provisional = {
    instance: options.instance,
    user,
    module,
    environment: options.moduleEnv ?? {},
    parameters: options.moduleParameters,
    pinFile,
    database,
  };
  const place = { directories, instance: provisionalInstance(provisional) };
  const asked = domain?.token ?? options.token;
  const label = isUri(asked) ? await labelByUri(place, asked) : asked;
  const tokens = label === undefined ? await askService(place, 'list tokens', undefined) : [];
  const token = await questions.value({
    flag: 'token',
    question: 'Token',
    given: label,
    candidates: tokens.filter(({ initialized }) => initialized).map(({ label }) => label),
  });
  const contents = await askService({ directories, instance: provisionalInstance({ ...provisional, label: token }) }, 'inspect token', {
    keys: true,
  });

  const found = findCertificates(contents);
  const authorities = found.filter(({ certificate }) => certificate.isCa).map(({ nickname }) => nickname);
  const issuerCertificate = await questions.value({
    flag: 'issuer-certificate',
    question: "The CA's certificate",
    given: options.issuerCertificate,
    candidates: authorities,
  });
  const authority = found.find(({ nickname }) => nickname === issuerCertificate);
  if (authority === undefined)
    throw new HsmongerError(
      'CERTIFICATE_NOT_FOUND',
      `There is no certificate '${issuerCertificate}' with its key on token '${token}'; there are ${found.map(({ nickname }) => `'${nickname}'`).join(', ') || 'none'}.`,
    );
  const selection = options.certificate === undefined ? renewableBy(authority, found) : { certificates: options.certificate, leftOut: [] };
  selection.leftOut.forEach(tell);
  return {
    user,
    token: { label: token, module, environment: provisional.environment, parameters: options.moduleParameters, pinFile },
    database,
    ...(options.nssPasswordFile === undefined ? {} : { nssPasswordFile: options.nssPasswordFile }),
    issuer,
    issuerCertificate,
    ...(dogtag === undefined ? {} : { dogtag }),
    ...(domain === undefined ? {} : { directory: domain.directory }),
    ...(options.restart === undefined ? {} : { restart: options.restart }),
    certificates: selection.certificates,
  };
}

function dogtagOf({ caUrl, caFile, agentCertificate, agentKey }: SetupOptions, issuer: string): DogtagAnswers | undefined {
  if (issuer !== 'dogtag') return undefined;
  if (caUrl === undefined || caFile === undefined)
    throw new HsmongerError(
      'USAGE',
      'Issuer dogtag is a server: say where with --ca-url https://HOST:8443, and with --ca-file what its certificate must chain to.',
    );
  if (agentCertificate === undefined || agentKey === undefined) {
    if (agentCertificate !== agentKey)
      throw new HsmongerError('USAGE', 'An agent is a certificate and its key: give --agent-certificate and --agent-key, or neither.');
    return { url: caUrl, caFile };
  }
  return { url: caUrl, caFile, agent: { certificate: agentCertificate, key: agentKey } };
}

function accountNamed(user: string): { readonly user: string } {
  if (accountOf(user).uid === 0)
    throw new HsmongerError(
      'USAGE',
      `The service user must not be root, and '${user}' is: what works on the token runs without privileges.`,
    );
  return { user };
}
