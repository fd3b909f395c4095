import { existsSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { parse } from 'smol-toml';
import { stateDirectory } from '../../../config/directories.js';
import type { CaConfig, Directories, InstanceSite } from '../../../config/instance.js';
import { instanceFile, loadInstance } from '../../../config/load.js';
import { parseInstance } from '../../../config/schema.js';
import { nickname as nicknameSchema } from '../../../config/schema/values.js';
import { HsmongerError } from '../../../errors.js';
import { accountOf, runningAsRoot } from '../../../platform/service-user.js';
import { assertAgreement, refuseDifferences } from '../../setup/agreement.js';
import { instanceText, type AnsweredCertificate, type Answers, type TokenAnswers } from '../../setup/document.js';
import { assertTrustedPlace } from '../../setup/write-instance.js';
import { flagsByLabel } from '../../token/label-by-uri.js';
import type { OwnTokenOptions } from './own-options.js';

/** A CA's instance as its file describes it, or as the file will that the flags are for. */
export interface Draft extends InstanceSite {
  /** The file to write; undefined where there is one. */
  readonly text: string | undefined;
}

export interface DraftRest {
  /** The command, for messages and for the file's first line. */
  readonly command: string;
  /** What takes the place of flags that are not given. */
  readonly otherwise?: { readonly user: string; readonly token: Omit<TokenAnswers, 'pinFile'> & Partial<Pick<TokenAnswers, 'pinFile'>> };
  readonly lifetimeDays?: number | undefined;
  /** The CA's own certificate is one of those its own instance keeps alive. */
  readonly tracksItself: boolean;
}

/** Reads the instance file, which the flags must agree with, or makes one of the flags; writes nothing. Where --token is a URI it looks. */
export async function draftOf(given: OwnTokenOptions, directories: Directories, rest: DraftRest): Promise<Draft> {
  if (!runningAsRoot())
    throw new HsmongerError(
      'NOT_PERMITTED',
      `'hsmonger ${rest.command}' writes instance files and works as the service user: run it as root.`,
    );
  const options = await flagsByLabel(given, directories, rest.otherwise);
  const file = instanceFile(directories, options.instance);
  if (existsSync(file)) {
    const instance = loadInstance(directories, options.instance);
    if (instance.issuer.type !== 'token')
      throw new HsmongerError(
        'USAGE',
        `${file} is not a CA's on a token: issuer.type is "${instance.issuer.type}"; name another --instance.`,
      );
    assertAgreement(
      instance,
      {
        token: options.token,
        module: options.module,
        moduleEnv: options.moduleEnv,
        moduleParameters: options.moduleParameters,
        pinFile: options.pinFile,
        dbdir: options.dbdir,
        user: options.user,
      },
      rest.command,
    );
    refuseDifferences(instance, rest.command, [
      ['nickname', options.nickname, instance.issuer.certificate],
      ['days', rest.lifetimeDays, instance.issuer.lifetimeDays['caCACert']],
      ['digest', options.digest, instance.issuer.digest],
      ['rsa-signature', options.rsaSignature, instance.issuer.rsaSignature],
      ...Object.entries(caAnswers(options) ?? {}).map(
        ([key, given]) => [flags[key as keyof CaConfig] ?? key, given, instance.ca?.[key as keyof CaConfig]] as const,
      ),
    ]);
    return { instance, directories, text: undefined };
  }
  assertTrustedPlace(file);
  const text = instanceText(options.instance, answersOf(options, directories, rest), rest.command);
  return { instance: parseInstance(options.instance, file, parse(text)), directories, text };
}

const flags: Partial<Readonly<Record<keyof CaConfig, string>>> = {
  crlUrls: 'crl-url',
  ocspUrls: 'ocsp-url',
  issuerUrls: 'issuer-url',
  authorityKeyId: 'authority-key-id',
  netscapeCertType: 'ns-cert-type',
  netscapeComment: 'ns-comment',
};

function answersOf(
  options: OwnTokenOptions,
  directories: Directories,
  { command, otherwise, lifetimeDays, tracksItself }: DraftRest,
): Answers {
  const nickname = options.nickname ?? options.instance;
  const checked = v.safeParse(nicknameSchema, nickname);
  if (!checked.success || nickname.includes('/'))
    throw new HsmongerError('USAGE', `The nickname '${nickname}' ${checked.success ? "must not hold '/'" : checked.issues[0].message}.`);
  const user = options.user ?? otherwise?.user ?? 'pkiuser';
  if (accountOf(user).uid === 0)
    throw new HsmongerError(
      'USAGE',
      `The service user must not be root, and '${user}' is: what works on the token runs without privileges.`,
    );
  const token = tokenAnswers(options, command, otherwise?.token);
  const ca = caAnswers(options);
  const certificates: AnsweredCertificate[] = tracksItself ? [{ nickname, profile: 'caCACert' }] : [];
  return {
    user,
    token,
    database: options.dbdir ?? path.join(stateDirectory(directories, { name: options.instance }), 'nss'),
    issuer: 'token',
    issuerCertificate: nickname,
    signing: {
      ...(options.digest === undefined ? {} : { digest: options.digest }),
      ...(options.rsaSignature === undefined ? {} : { rsaSignature: options.rsaSignature }),
      ...(lifetimeDays === undefined ? {} : { lifetimeDays: { caCACert: lifetimeDays } }),
    },
    ...(ca === undefined ? {} : { ca }),
    certificates,
  };
}

/** The flags, each over what is there without them; another module has nothing in common with the one there is. */
function tokenAnswers(
  { module, token, pinFile, moduleEnv, moduleParameters }: OwnTokenOptions,
  command: string,
  otherwise: NonNullable<DraftRest['otherwise']>['token'] | undefined,
): TokenAnswers {
  const base = module === undefined || module === otherwise?.module ? otherwise : undefined;
  const sameToken = token === undefined || token === base?.label;
  const answers = {
    module: module ?? base?.module,
    label: token ?? base?.label,
    pinFile: pinFile ?? (sameToken ? base?.pinFile : undefined),
  };
  const missing = Object.entries({ module: answers.module, token: answers.label, 'pin-file': answers.pinFile }).filter(
    ([, value]) => value === undefined,
  );
  if (answers.module === undefined || answers.label === undefined || answers.pinFile === undefined) {
    throw new HsmongerError(
      'USAGE',
      `There is no instance file yet: 'hsmonger ${command}' wants ${missing.map(([flag]) => `--${flag}`).join(' and ')} to write it.`,
    );
  }
  return {
    module: answers.module,
    label: answers.label,
    pinFile: answers.pinFile,
    environment: moduleEnv ?? base?.environment ?? {},
    parameters: moduleParameters ?? base?.parameters,
  };
}

function caAnswers({
  policy,
  crlUrl,
  ocspUrl,
  issuerUrl,
  authorityKeyId,
  nsCertType,
  nsComment,
}: OwnTokenOptions): Partial<CaConfig> | undefined {
  const answers: Partial<CaConfig> = {
    ...(policy === undefined ? {} : { policy }),
    ...(crlUrl === undefined ? {} : { crlUrls: crlUrl }),
    ...(ocspUrl === undefined ? {} : { ocspUrls: ocspUrl }),
    ...(issuerUrl === undefined ? {} : { issuerUrls: issuerUrl }),
    ...(authorityKeyId === undefined ? {} : { authorityKeyId }),
    ...(nsCertType === undefined ? {} : { netscapeCertType: nsCertType }),
    ...(nsComment === undefined ? {} : { netscapeComment: nsComment }),
  };
  return Object.keys(answers).length === 0 ? undefined : answers;
}
