import { stringify } from 'smol-toml';
import type {
  CaConfig,
  CertificateConfig,
  Digest,
  DirectoryBind,
  DirectoryConfig,
  FreeIpaConfig,
  IssuerConfig,
  NamedProfile,
  PkiConfig,
} from '../../config/instance.js';

/** A certificate as setup knows it; without a storage it lies on the token. */
export type AnsweredCertificate = NamedProfile & Partial<Pick<CertificateConfig, 'storage' | 'days' | 'authority'>>;

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
  /** Where the issuer is a CA on the token: how it signs, and what it asks and writes. */
  readonly signing?: SigningAnswers;
  readonly ca?: Partial<CaConfig>;
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
  readonly parameters?: string | undefined;
  readonly pinFile: string;
}

export interface SigningAnswers {
  readonly digest?: Digest;
  readonly rsaSignature?: 'pkcs1' | 'pss';
  /** By profile. */
  readonly lifetimeDays?: Readonly<Record<string, number>>;
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
    issuer: {
      type: answers.issuer,
      certificate: answers.issuerCertificate,
      ...(answers.serverDays === undefined ? {} : { 'lifetime-days': { caServerCert: answers.serverDays } }),
      ...signingKeys(answers.signing ?? {}),
      ...(answers.dogtag === undefined ? {} : dogtagKeys(answers.dogtag)),
    },
    ...(answers.ca === undefined ? {} : { ca: caTable(answers.ca) }),
    ...(answers.directory === undefined ? {} : { directory: directoryTable(answers.directory) }),
    ...(answers.freeipa === undefined
      ? {}
      : {
          freeipa: {
            'subject-base': answers.freeipa.subjectBase,
            'lock-file': answers.freeipa.lockFile,
            'csr-file': answers.freeipa.csrFile,
          },
        }),
    ...(answers.pki === undefined
      ? {}
      : {
          pki: {
            directory: answers.pki.directory,
            ...(answers.pki.unit === undefined ? {} : { unit: answers.pki.unit }),
            'certificates-in-config': answers.pki.certificatesInConfig,
          },
        }),
    ...(answers.restart === undefined ? {} : { saving: { restart: answers.restart } }),
    // An empty list would stand in the way of a [[certificate]] written behind it.
    ...(answers.certificates.length === 0 ? {} : { certificate: answers.certificates.map(certificateTable) }),
  };
}

/** As a [tokens.NAME] table has it, too. */
export function tokenTable({ label, module, environment, parameters, pinFile }: TokenAnswers): Record<string, unknown> {
  return {
    label,
    module,
    'pin-file': pinFile,
    ...(parameters === undefined ? {} : { parameters }),
    ...(Object.keys(environment).length === 0 ? {} : { environment: { ...environment } }),
  };
}

function signingKeys({ digest, rsaSignature, lifetimeDays }: SigningAnswers): Record<string, unknown> {
  return {
    ...(digest === undefined ? {} : { digest }),
    ...(rsaSignature === undefined ? {} : { 'rsa-signature': rsaSignature }),
    ...(lifetimeDays === undefined ? {} : { 'lifetime-days': { ...lifetimeDays } }),
  };
}

function caTable({
  policy,
  crlUrls,
  ocspUrls,
  issuerUrls,
  authorityKeyId,
  netscapeCertType,
  netscapeComment,
}: Partial<CaConfig>): Record<string, unknown> {
  return {
    ...(policy === undefined ? {} : { policy: { ...policy } }),
    ...(crlUrls === undefined ? {} : { 'crl-urls': [...crlUrls] }),
    ...(ocspUrls === undefined ? {} : { 'ocsp-urls': [...ocspUrls] }),
    ...(issuerUrls === undefined ? {} : { 'issuer-urls': [...issuerUrls] }),
    ...(authorityKeyId === undefined ? {} : { 'authority-key-id': authorityKeyId }),
    ...(netscapeCertType === undefined ? {} : { 'ns-cert-type': netscapeCertType }),
    ...(netscapeComment === undefined ? {} : { 'ns-comment': netscapeComment }),
  };
}

function dogtagKeys({ url, caFile, agent }: DogtagAnswers): Record<string, string> {
  return { url, 'ca-file': caFile, ...(agent === undefined ? {} : { 'agent-certificate': agent.certificate, 'agent-key': agent.key }) };
}

function directoryTable({ uri, startTls, caFile, bind, base, pkiBase, host }: DirectoryConfig): Record<string, unknown> {
  return {
    uri,
    ...(startTls ? { 'start-tls': true } : {}),
    ...(caFile === undefined ? {} : { 'ca-file': caFile }),
    ...bindKeys(bind),
    base,
    'pki-base': pkiBase,
    host,
  };
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

/** As a [[certificate]] has it. */
export function certificateTable({
  nickname,
  profile,
  storage = { kind: 'token' },
  days,
  authority,
}: AnsweredCertificate): Record<string, string | number> {
  return {
    nickname,
    profile,
    ...storageKeys(storage),
    ...(days === undefined ? {} : { days }),
    ...(authority === undefined ? {} : { authority }),
  };
}

function storageKeys(storage: CertificateConfig['storage']): Record<string, string> {
  switch (storage.kind) {
    case 'token':
      return storage.on === undefined ? {} : { token: storage.on };
    case 'internal':
      return { token: 'internal' };
    case 'file': {
      const { certificate, key, owner, mode } = storage;
      return {
        'certificate-file': certificate,
        'key-file': key,
        ...(owner === undefined ? {} : { owner }),
        ...(mode === undefined ? {} : { mode: `0${mode.toString(8)}` }),
      };
    }
  }
}

/** The file's text. `by`: the command that writes it. */
export function instanceText(name: string, answers: Answers, by = 'setup'): string {
  return `# hsmonger: instance '${name}', the CA of the same name in certmonger. Written by 'hsmonger ${by}'; every key: docs/configuration.md\n${stringify(documentOf(answers))}`;
}
