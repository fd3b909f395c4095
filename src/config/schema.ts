import path from 'node:path';
import * as v from 'valibot';
import { HsmongerError } from '../errors.js';
import type { CertificateConfig, Instance, IssuerConfig } from './instance.js';
import { howToConvert } from './dbm.js';
import { caConfigOf, caTable } from './schema/ca.js';
import { certificateTable, daysOf, storageOf } from './schema/certificate.js';
import { directoryOf, directoryTable } from './schema/directory.js';
import { issuerOf, issuerTable } from './schema/issuer.js';
import { tokenConfigOf, tokenTable } from './schema/token.js';
import { assertOneToken, besideEachOther } from './schema/several-tokens.js';
import { absolute, count, identifier, text, unit, wrong } from './schema/values.js';

/** The whole file, key by key; docs/configuration.md is held against it. */
export const instanceFileSchema = v.strictObject({
  user: v.optional(
    v.pipe(
      text,
      v.regex(/^[A-Za-z0-9_][A-Za-z0-9._@-]*\$?$/u, 'must be a user name'),
      v.notValue('root', 'must not be root: what runs as the service user runs without privileges'),
    ),
    'pkiuser',
  ),
  drop: v.optional(v.picklist(['setuid', 'runuser']), 'setuid'),
  token: v.optional(tokenTable),
  /** Further tokens, by a name of the file's own. */
  tokens: v.optional(
    v.record(
      v.pipe(
        text,
        v.regex(identifier, "must be a name of letters, digits, '.', '_' and '-'"),
        v.notValue('internal', "must not be 'internal', which names the NSS database's own store"),
      ),
      tokenTable,
    ),
    {},
  ),
  nss: v.strictObject({
    database: v.pipe(
      text,
      v.check(
        (value) => !value.startsWith('dbm:'),
        ({ input }) => `names a dbm: database, which NSS is giving up; ${howToConvert(input.replace(/^dbm:/u, ''))}`,
      ),
      v.transform((value) => value.replace(/^sql:/u, '')),
      absolute,
    ),
    'password-file': v.optional(absolute),
  }),
  issuer: issuerTable,
  ca: v.optional(caTable),
  directory: v.optional(directoryTable),
  freeipa: v.optional(
    v.strictObject({
      'subject-base': text,
      'lock-file': v.optional(absolute, '/run/ipa/renewal.lock'),
      'csr-file': v.optional(absolute, '/var/lib/ipa/ca.csr'),
      'master-gone-days': v.optional(v.pipe(count, v.minValue(1, 'must be at least 1')), 7),
    }),
  ),
  pki: v.optional(
    v.strictObject({
      directory: v.optional(absolute, '/etc/pki/pki-tomcat'),
      unit: v.optional(unit),
      'certificates-in-config': v.optional(v.boolean(), false),
    }),
  ),
  saving: v.optional(
    v.strictObject({
      restart: v.optional(unit),
      stop: v.optional(unit),
      'guard-minutes': v.optional(v.pipe(count, v.minValue(1, 'must be at least 1')), 15),
      'grace-days': v.optional(count),
    }),
    {},
  ),
  helper: v.optional(
    v.strictObject({
      'deadline-seconds': v.optional(v.pipe(count, v.minValue(5, 'must be at least 5'), v.maxValue(3600, 'must be at most 3600')), 120),
    }),
    {},
  ),
  agent: v.optional(
    v.strictObject({
      'probe-seconds': v.optional(v.pipe(count, v.minValue(5, 'must be at least 5'), v.maxValue(3600, 'must be at most 3600')), 60),
      'sign-minutes': v.optional(v.pipe(count, v.maxValue(10_080, 'must be at most 10080, a week')), 60),
      'spread-days': v.optional(v.pipe(count, v.maxValue(90, 'must be at most 90')), 7),
      reconcile: v.optional(v.picklist(['apply', 'report']), 'apply'),
    }),
    {},
  ),
  certificate: v.optional(v.array(certificateTable), []),
});

/** The instance a parsed TOML document describes; CONFIG_INVALID with the path of the wrong key otherwise. */
export function parseInstance(name: string, file: string, document: unknown): Instance {
  if (!identifier.test(name)) {
    throw new HsmongerError(
      'CONFIG_INVALID',
      `The instance name '${name}' must be made of letters, digits, '.', '_' and '-': certmonger's command lines carry it.`,
    );
  }
  const result = v.safeParse(instanceFileSchema, document);
  if (!result.success) throw invalid(file, result.issues[0]);
  const { output } = result;
  const nicknames = new Set<string>();
  for (const { nickname } of output.certificate) {
    if (nicknames.has(nickname)) throw wrong(file, 'certificate', `names '${nickname}' twice`);
    nicknames.add(nickname);
  }
  const certificates = output.certificate.map((certificate) => {
    const storage = storageOf(file, Object.keys(output.tokens), certificate);
    return {
      nickname: certificate.nickname,
      profile: certificate.profile,
      storage,
      ...daysOf(file, output.issuer.type, certificate, storage),
      ...(certificate.authority === undefined ? {} : { authority: certificate.authority }),
    };
  });
  const forPeople = certificates.find((certificate) => certificate.profile === 'caUserCert');
  // "Subject Name Not Found", it answers.
  if (output.issuer.type === 'dogtag' && forPeople !== undefined)
    throw wrong(
      file,
      'certificate',
      `gives '${forPeople.nickname}' the profile caUserCert, which is for a CA on a token: Dogtag's of that name takes the subject from fields no request of certmonger has; use caSubsystemCert`,
    );
  const otherTokens = Object.entries(output.tokens).map(
    ([token, table]) => [token, tokenConfigOf(name, file, `tokens.${token}`, table)] as const,
  );
  const own = output.token === undefined ? undefined : tokenConfigOf(name, file, 'token', output.token);
  const tokens = besideEachOther(file, own, otherTokens);
  if (output.pki !== undefined) assertOneToken(file, certificates);
  if (output.token === undefined && otherTokens.length > 0)
    throw wrong(file, 'token', 'is missing: [tokens.NAME] is for what lies on another token than [token]');
  if (output.directory !== undefined && output.issuer.type === 'token' && output.issuer.owner !== undefined)
    throw wrong(
      file,
      'issuer.owner',
      'is for hosts without a [directory]: where there is one, the renewal master it names owns ledger and CRL',
    );
  if (output.ca !== undefined && output.issuer.type !== 'token')
    throw wrong(file, 'ca', `is for a CA on a token, and issuer.type is "${output.issuer.type}"`);
  if (output.token === undefined) assertNoneNeeded(file, output.issuer.type, certificates);
  return {
    name,
    file,
    user: output.user,
    drop: output.drop,
    ...tokens,
    nss: {
      database: path.normalize(output.nss.database),
      ...(output.nss['password-file'] === undefined ? {} : { passwordFile: output.nss['password-file'] }),
    },
    issuer: issuerOf(file, output.issuer),
    ...(output.ca === undefined ? {} : { ca: caConfigOf(output.ca) }),
    ...(output.directory === undefined ? {} : { directory: directoryOf(file, output.directory) }),
    ...(output.freeipa === undefined
      ? {}
      : {
          freeipa: {
            subjectBase: output.freeipa['subject-base'],
            lockFile: output.freeipa['lock-file'],
            csrFile: output.freeipa['csr-file'],
            masterGoneDays: output.freeipa['master-gone-days'],
          },
        }),
    ...(output.pki === undefined
      ? {}
      : {
          pki: {
            directory: output.pki.directory,
            ...(output.pki.unit === undefined ? {} : { unit: output.pki.unit }),
            certificatesInConfig: output.pki['certificates-in-config'],
          },
        }),
    saving: {
      ...(output.saving.restart === undefined ? {} : { restart: output.saving.restart }),
      ...(output.saving.stop === undefined ? {} : { stop: output.saving.stop }),
      guardMinutes: output.saving['guard-minutes'],
      ...(output.saving['grace-days'] === undefined ? {} : { graceDays: output.saving['grace-days'] }),
    },
    helper: { deadlineSeconds: output.helper['deadline-seconds'] },
    agent: {
      probeSeconds: output.agent['probe-seconds'],
      signMinutes: output.agent['sign-minutes'],
      spreadDays: output.agent['spread-days'],
      reconcile: output.agent.reconcile,
    },
    certificates,
  };
}

/**
 * A server without an HSM has no token; what lies in its NSS database says so itself, so that a [token] left out by mistake is no other
 * store.
 */
function assertNoneNeeded(file: string, issuer: IssuerConfig['type'], certificates: readonly CertificateConfig[]): void {
  if (issuer === 'token') throw wrong(file, 'token', 'is missing: the CA\'s key is on one where issuer.type is "token"');
  const onToken = certificates.find(({ storage }) => storage.kind === 'token');
  if (onToken !== undefined)
    throw wrong(
      file,
      'token',
      `is missing, and '${onToken.nickname}' lies on one: add [token], or to what lies in the NSS database itself token = "internal"`,
    );
}

function invalid(file: string, issue: v.BaseIssue<unknown>): HsmongerError {
  const where = v.getDotPath(issue) ?? 'the file';
  if (issue.type === 'strict_object' && issue.expected === 'never')
    return wrong(file, where, 'is not a key hsmonger knows; see docs/configuration.md');
  if (issue.received === 'undefined') return wrong(file, where, 'is missing');
  const expectation = issue.message.startsWith('Invalid') ? `must be ${String(issue.expected)}, not ${issue.received}` : issue.message;
  return wrong(file, where, expectation);
}
