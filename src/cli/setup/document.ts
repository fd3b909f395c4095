import { stringify } from 'smol-toml';
import type { CertificateConfig, DirectoryBind, DirectoryConfig, FreeIpaConfig, IssuerConfig, NamedProfile, PkiConfig } from '../../config/instance.js';

/** A certificate as setup knows it; without a storage it lies on the token. */
export type AnsweredCertificate = NamedProfile & Partial<Pick<CertificateConfig, 'storage' | 'authority'>>;

/** Everything an instance file made by `setup` says. */
export interface Answers {
  readonly user: string;
  /** Absent where nothing lies on one. */
  readonly token?: TokenAnswers;
  /** Absolute, no `sql:` prefix. */
  readonly database: string;
  readonly nssPasswordFile?: string;
  readonly issuer: IssuerConfig['type'];
  readonly issuerCertificate: string;
  /** How long a server's certificate is to last; the profile's own where it is not said. */
  readonly serverDays?: number;
  /** Where the issuer is a Dogtag server. */
  readonly dogtag?: DogtagAnswers;
  readonly directory?: DirectoryConfig;
  readonly freeipa?: Omit<FreeIpaConfig, 'masterGoneDays'>;
  readonly pki?: PkiConfig;
  readonly restart?: string;
  readonly certificates: readonly AnsweredCertificate[];
}

export interface TokenAnswers {
  /** Exact. */
  readonly label: string;
  readonly module: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly pinFile: string;
}

export interface DogtagAnswers {
  readonly url: string;
  readonly caFile: string;
  readonly agent?: { readonly certificate: string; readonly key: string };
}

/** As TOML tables, in the order of the documentation. */
function documentOf(answers: Answers): Record<string, unknown> {
  return {
    user: answers.user,
    ...(answers.token === undefined ? {} : { token: tokenTable(answers.token) }),
    nss: { database: answers.database, ...(answers.nssPasswordFile === undefined ? {} : { 'password-file': answers.nssPasswordFile }) },
    issuer: { type: answers.issuer, certificate: answers.issuerCertificate, ...(answers.serverDays === undefined ? {} : { 'lifetime-days': { caServerCert: answers.serverDays } }), ...(answers.dogtag === undefined ? {} : dogtagKeys(answers.dogtag)) },
    ...(answers.directory === undefined ? {} : { directory: directoryTable(answers.directory) }),
    ...(answers.freeipa === undefined ? {} : { freeipa: { 'subject-base': answers.freeipa.subjectBase, 'lock-file': answers.freeipa.lockFile, 'csr-file': answers.freeipa.csrFile } }),
    ...(answers.pki === undefined ? {} : { pki: { directory: answers.pki.directory, ...(answers.pki.unit === undefined ? {} : { unit: answers.pki.unit }), 'certificates-in-config': answers.pki.certificatesInConfig } }),
    ...(answers.restart === undefined ? {} : { saving: { restart: answers.restart } }),
    certificate: answers.certificates.map(certificateTable),
  };
}

function tokenTable({ label, module, environment, pinFile }: TokenAnswers): Record<string, unknown> {
  return { label, module, 'pin-file': pinFile, ...(Object.keys(environment).length === 0 ? {} : { environment: { ...environment } }) };
}

function dogtagKeys({ url, caFile, agent }: DogtagAnswers): Record<string, string> {
  return { url, 'ca-file': caFile, ...(agent === undefined ? {} : { 'agent-certificate': agent.certificate, 'agent-key': agent.key }) };
}

function directoryTable({ uri, startTls, caFile, bind, base, pkiBase, host }: DirectoryConfig): Record<string, unknown> {
  return { uri, ...(startTls ? { 'start-tls': true } : {}), ...(caFile === undefined ? {} : { 'ca-file': caFile }), ...bindKeys(bind), base, 'pki-base': pkiBase, host };
}

function bindKeys(bind: DirectoryBind): Record<string, string> {
  switch (bind.method) {
    case 'external':
      return { bind: bind.method };
    case 'simple':
      return { bind: bind.method, 'bind-dn': bind.dn, 'password-file': bind.passwordFile };
    case 'gssapi':
      return { bind: bind.method, keytab: bind.keytab, ...(bind.principal === undefined ? {} : { principal: bind.principal }) };
  }
}

function certificateTable({ nickname, profile, storage = { kind: 'token' }, authority }: AnsweredCertificate): Record<string, string> {
  return { nickname, profile, ...storageKeys(storage), ...(authority === undefined ? {} : { authority }) };
}

function storageKeys(storage: CertificateConfig['storage']): Record<string, string> {
  switch (storage.kind) {
    case 'token':
      return {};
    case 'internal':
      return { token: 'internal' };
    case 'file': {
      const { certificate, key, owner, mode } = storage;
      return { 'certificate-file': certificate, 'key-file': key, ...(owner === undefined ? {} : { owner }), ...(mode === undefined ? {} : { mode: `0${mode.toString(8)}` }) };
    }
  }
}

/** The file's text. */
export function instanceText(name: string, answers: Answers): string {
  return `# hsmonger: instance '${name}', the CA of the same name in certmonger. Written by 'hsmonger setup'; every key: docs/configuration.md\n${stringify(documentOf(answers))}`;
}
