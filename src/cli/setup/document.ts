import { stringify } from 'smol-toml';
import type { NamedProfile, IssuerConfig } from '../../config/instance.js';

/** Everything an instance file made by `setup` says. */
export interface Answers {
  readonly user: string;
  /** Exact token label. */
  readonly token: string;
  readonly module: string;
  readonly moduleEnvironment: Readonly<Record<string, string>>;
  readonly pinFile: string;
  /** Absolute, no `sql:` prefix. */
  readonly database: string;
  readonly nssPasswordFile?: string;
  readonly issuer: IssuerConfig['type'];
  readonly issuerCertificate: string;
  readonly restart?: string;
  readonly certificates: readonly NamedProfile[];
}

/** As TOML tables, in the order of the documentation. */
function documentOf(answers: Answers): Record<string, unknown> {
  return {
    user: answers.user,
    token: {
      label: answers.token,
      module: answers.module,
      'pin-file': answers.pinFile,
      ...(Object.keys(answers.moduleEnvironment).length === 0 ? {} : { environment: { ...answers.moduleEnvironment } }),
    },
    nss: { database: answers.database, ...(answers.nssPasswordFile === undefined ? {} : { 'password-file': answers.nssPasswordFile }) },
    issuer: { type: answers.issuer, certificate: answers.issuerCertificate },
    ...(answers.restart === undefined ? {} : { saving: { restart: answers.restart } }),
    certificate: answers.certificates.map(({ nickname, profile }) => ({ nickname, profile })),
  };
}

/** The file's text. */
export function instanceText(name: string, answers: Answers): string {
  return `# hsmonger: instance '${name}', the CA of the same name in certmonger. Written by 'hsmonger setup'; every key: docs/configuration.md\n${stringify(documentOf(answers))}`;
}
