import path from 'node:path';
import * as v from 'valibot';
import { HsmongerError } from '../errors.js';
import type { CertificateConfig, CertificateStorage, DirectoryBind, DirectoryConfig, Instance, IssuerConfig, PinSource, TokenConfig, TokenSelector } from './instance.js';
import { profileNames } from './profile-names.js';

const text = v.pipe(v.string(), v.nonEmpty('must not be empty'));
const absolute = v.pipe(
  text,
  v.check((value) => path.isAbsolute(value), 'must be an absolute path'),
  v.check((value) => !/[\0\n\r]/u.test(value), 'must not hold line breaks'),
);
/** NSS and certmonger write "token:nickname", and trim: with a colon or a blank at an end, what is saved under the nickname is not found again. */
const nickname = v.pipe(
  text,
  v.check((value) => !value.includes(':'), "must not hold ':'; give the certificate object another label"),
  v.check((value) => value.trim() === value, 'must not begin or end with a blank; give the certificate object another label'),
  v.check((value) => !/\p{Cc}/u.test(value), 'must not hold control characters; give the certificate object another label'),
);
const count = v.pipe(v.number(), v.integer('must be a whole number'), v.minValue(0, 'must not be negative'));
const days = v.pipe(v.number(), v.integer('must be whole days'), v.minValue(1, 'must be at least 1 day'), v.maxValue(36525, 'must be at most a century'));
const profile = v.picklist(profileNames, ({ input }) => `must be a profile (${profileNames.join(', ')}), not ${JSON.stringify(input)}`);
const unit = v.pipe(text, v.regex(/^[A-Za-z0-9:_.\\@-]+$/u, 'must be the name of a systemd unit'));

function isHttpsOrigin(value: string): boolean {
  return URL.canParse(value) && new URL(value).protocol === 'https:' && new URL(value).origin === value.replace(/\/$/u, '');
}

/** What [directory] takes as its server. */
export function isDirectoryUri(value: string): boolean {
  return /^ldapi:\/\/%2[Ff][^/?]+$/u.test(value) || (/^ldaps?:\/\/[^/?@]+\/?$/u.test(value) && URL.canParse(value));
}

/** Names that end in certmonger's command lines and request ids (design rule 12). */
export const identifier = /^[A-Za-z0-9][A-Za-z0-9._-]*$/u;

const fileSchema = v.strictObject({
  user: v.optional(v.pipe(text, v.regex(/^[A-Za-z0-9_][A-Za-z0-9._@-]*\$?$/u, 'must be a user name'), v.notValue('root', 'must not be root: what runs as the service user runs without privileges')), 'pkiuser'),
  drop: v.optional(v.picklist(['setuid', 'runuser']), 'setuid'),
  token: v.optional(v.strictObject({
    label: v.optional(text),
    slot: v.optional(count),
    'slot-index': v.optional(count),
    uri: v.optional(v.pipe(text, v.startsWith('pkcs11:', 'must begin with pkcs11:'))),
    module: absolute,
    parameters: v.optional(text),
    environment: v.optional(v.record(v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/u, 'must be a variable name')), v.string()), {}),
    'pin-file': v.optional(absolute),
    'pin-env': v.optional(text),
    'pin-credential': v.optional(v.pipe(text, v.regex(/^[^/]+$/u, 'must be a credential name, not a path'))),
    'pin-unlock': v.optional(v.union([v.literal(true), absolute], 'must be true, or the absolute path of a file in memory')),
  })),
  nss: v.strictObject({
    database: v.pipe(
      text,
      v.check((value) => !value.startsWith('dbm:'), 'names a dbm: database, which NSS is giving up; convert it with certutil -N -d sql:DIR --upgrade-merge'),
      v.transform((value) => value.replace(/^sql:/u, '')),
      absolute,
    ),
    'password-file': v.optional(absolute),
  }),
  issuer: v.variant('type', [
    v.strictObject({
      type: v.literal('token'),
      certificate: text,
      'lifetime-days': v.optional(v.record(profile, days), {}),
      'backdate-seconds': v.optional(v.pipe(count, v.maxValue(604_800, 'must be at most a week')), 60),
      digest: v.optional(v.picklist(['sha256', 'sha384', 'sha512']), 'sha256'),
    }),
    v.strictObject({
      type: v.literal('dogtag'),
      certificate: text,
      url: v.pipe(text, v.check(isHttpsOrigin, 'must be https://HOST or https://HOST:PORT, without a path')),
      'ca-file': absolute,
      'agent-certificate': v.optional(absolute),
      'agent-key': v.optional(absolute),
    }),
    v.strictObject({ type: v.literal('directory'), certificate: text }),
    v.strictObject({ type: v.literal('external'), certificate: text }),
  ]),
  directory: v.optional(
    v.strictObject({
      uri: v.pipe(text, v.check(isDirectoryUri, 'must be ldapi://%2Fpath%2Fof.socket, ldaps://HOST[:PORT] or ldap://HOST[:PORT]')),
      'start-tls': v.optional(v.boolean(), false),
      'ca-file': v.optional(absolute),
      bind: v.picklist(['external', 'simple', 'gssapi']),
      'bind-dn': v.optional(text),
      'password-file': v.optional(absolute),
      keytab: v.optional(absolute),
      principal: v.optional(text),
      base: text,
      'pki-base': v.optional(text, 'o=ipaca'),
      host: v.pipe(text, v.regex(/^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/u, 'must be a host name')),
    }),
  ),
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
    v.strictObject({ 'deadline-seconds': v.optional(v.pipe(count, v.minValue(5, 'must be at least 5'), v.maxValue(3600, 'must be at most 3600')), 120) }),
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
  certificate: v.optional(
    v.array(
      v.strictObject({
        nickname,
        profile,
        token: v.optional(v.literal('internal', "can only be 'internal': what it does not say lies on the instance's token")),
        'certificate-file': v.optional(absolute),
        'key-file': v.optional(absolute),
        owner: v.optional(v.pipe(text, v.regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*(?::[A-Za-z0-9_][A-Za-z0-9._-]*)?$/u, 'must be USER or USER:GROUP'))),
        mode: v.optional(v.pipe(text, v.regex(/^0?[0-7]{3}$/u, 'must be three octal digits, such as "0440"'))),
        authority: v.optional(v.pipe(text, v.uuid('must be a UUID'))),
      }),
    ),
    [],
  ),
});

type File = v.InferOutput<typeof fileSchema>;
type TokenTable = NonNullable<File['token']>;

/** The instance a parsed TOML document describes; CONFIG_INVALID with the path of the wrong key otherwise. */
export function parseInstance(name: string, file: string, document: unknown): Instance {
  if (!identifier.test(name)) {
    throw new HsmongerError('CONFIG_INVALID', `The instance name '${name}' must be made of letters, digits, '.', '_' and '-': certmonger's command lines carry it.`);
  }
  const result = v.safeParse(fileSchema, document);
  if (!result.success) throw invalid(file, result.issues[0]);
  const { output } = result;
  const nicknames = new Set<string>();
  for (const { nickname } of output.certificate) {
    if (nicknames.has(nickname)) throw wrong(file, 'certificate', `names '${nickname}' twice`);
    nicknames.add(nickname);
  }
  const certificates = output.certificate.map((certificate) => ({
    nickname: certificate.nickname,
    profile: certificate.profile,
    storage: storageOf(file, certificate),
    ...(certificate.authority === undefined ? {} : { authority: certificate.authority }),
  }));
  if (output.token === undefined) assertNoneNeeded(file, output.issuer.type, certificates);
  return {
    name,
    file,
    user: output.user,
    drop: output.drop,
    ...(output.token === undefined ? {} : { token: tokenConfigOf(name, file, output.token) }),
    nss: {
      database: path.normalize(output.nss.database),
      ...(output.nss['password-file'] === undefined ? {} : { passwordFile: output.nss['password-file'] }),
    },
    issuer: issuerOf(file, output.issuer),
    ...(output.directory === undefined ? {} : { directory: directoryOf(file, output.directory) }),
    ...(output.freeipa === undefined
      ? {}
      : { freeipa: { subjectBase: output.freeipa['subject-base'], lockFile: output.freeipa['lock-file'], csrFile: output.freeipa['csr-file'], masterGoneDays: output.freeipa['master-gone-days'] } }),
    ...(output.pki === undefined
      ? {}
      : { pki: { directory: output.pki.directory, ...(output.pki.unit === undefined ? {} : { unit: output.pki.unit }), certificatesInConfig: output.pki['certificates-in-config'] } }),
    saving: {
      ...(output.saving.restart === undefined ? {} : { restart: output.saving.restart }),
      ...(output.saving.stop === undefined ? {} : { stop: output.saving.stop }),
      guardMinutes: output.saving['guard-minutes'],
      ...(output.saving['grace-days'] === undefined ? {} : { graceDays: output.saving['grace-days'] }),
    },
    helper: { deadlineSeconds: output.helper['deadline-seconds'] },
    agent: { probeSeconds: output.agent['probe-seconds'], signMinutes: output.agent['sign-minutes'], spreadDays: output.agent['spread-days'], reconcile: output.agent.reconcile },
    certificates,
  };
}

/** A server without an HSM has no token; what lies in its NSS database says so itself, so that a [token] left out by mistake is no other store. */
function assertNoneNeeded(file: string, issuer: IssuerConfig['type'], certificates: readonly CertificateConfig[]): void {
  if (issuer === 'token') throw wrong(file, 'token', 'is missing: the CA\'s key is on one where issuer.type is "token"');
  const onToken = certificates.find(({ storage }) => storage.kind === 'token');
  if (onToken !== undefined) throw wrong(file, 'token', `is missing, and '${onToken.nickname}' lies on one: add [token], or to what lies in the NSS database itself token = "internal"`);
}

function tokenConfigOf(name: string, file: string, token: TokenTable): TokenConfig {
  return {
    selector: selectorOf(file, token),
    module: token.module,
    ...(token.parameters === undefined ? {} : { parameters: token.parameters }),
    environment: token.environment,
    pin: pinSourceOf(name, file, token),
  };
}

function issuerOf(file: string, issuer: File['issuer']): IssuerConfig {
  switch (issuer.type) {
    case 'token':
      return { type: 'token', certificate: issuer.certificate, lifetimeDays: issuer['lifetime-days'], backdateSeconds: issuer['backdate-seconds'], digest: issuer.digest };
    case 'dogtag': {
      const [certificate, key] = [issuer['agent-certificate'], issuer['agent-key']];
      if ((certificate === undefined) !== (key === undefined)) throw wrong(file, 'issuer', 'must name agent-certificate and agent-key together, or neither');
      return { type: 'dogtag', certificate: issuer.certificate, url: new URL(issuer.url).origin, caFile: issuer['ca-file'], ...(certificate === undefined || key === undefined ? {} : { agent: { certificate, key } }) };
    }
    case 'directory':
    case 'external':
      return { type: issuer.type, certificate: issuer.certificate };
  }
}

type DirectoryTable = NonNullable<File['directory']>;

function directoryOf(file: string, directory: DirectoryTable): DirectoryConfig {
  const socket = directory.uri.startsWith('ldapi:');
  const startTls = directory['start-tls'];
  if (startTls && !directory.uri.startsWith('ldap:')) throw wrong(file, 'directory.start-tls', 'is for ldap:// alone: ldaps:// and ldapi:// are safe without');
  return {
    uri: directory.uri,
    startTls,
    ...(directory['ca-file'] === undefined ? {} : { caFile: directory['ca-file'] }),
    bind: bindOf(file, directory, socket || startTls || directory.uri.startsWith('ldaps:')),
    base: directory.base,
    pkiBase: directory['pki-base'],
    host: directory.host,
  };
}

/** Each way of binding wants its own keys and no others. */
function bindOf(file: string, directory: DirectoryTable, confidential: boolean): DirectoryBind {
  const { bind, 'bind-dn': dn, 'password-file': passwordFile, keytab, principal } = directory;
  const stray = { external: [dn, passwordFile, keytab, principal], simple: [keytab, principal], gssapi: [dn, passwordFile] }[bind];
  if (stray.some((value) => value !== undefined)) throw wrong(file, 'directory.bind', `is "${bind}", which goes with ${{ external: 'no other key', simple: 'bind-dn and password-file alone', gssapi: 'keytab and principal alone' }[bind]}`);
  switch (bind) {
    case 'external':
      if (!directory.uri.startsWith('ldapi:')) throw wrong(file, 'directory.bind', 'is "external", which works over ldapi:// alone');
      return { method: 'external' };
    case 'simple':
      if (dn === undefined || passwordFile === undefined) throw wrong(file, 'directory', 'must name bind-dn and password-file where bind is "simple"');
      if (!confidential) throw wrong(file, 'directory.bind', 'is "simple", which would send the password in clear: use ldaps://, ldapi:// or start-tls = true');
      return { method: 'simple', dn, passwordFile };
    case 'gssapi':
      return { method: 'gssapi', keytab: keytab ?? '/etc/krb5.keytab', ...(principal === undefined ? {} : { principal }) };
  }
}

function storageOf(file: string, certificate: File['certificate'][number]): CertificateStorage {
  const { 'certificate-file': path, 'key-file': key, owner, mode, token, nickname: name } = certificate;
  if (path === undefined && key === undefined) {
    if (owner !== undefined || mode !== undefined) throw wrong(file, 'certificate', `gives '${name}' an owner or a mode, which only certificates in files have`);
    return { kind: token === undefined ? 'token' : 'internal' };
  }
  if (path === undefined || key === undefined) throw wrong(file, 'certificate', `must name certificate-file and key-file of '${name}' together`);
  if (token !== undefined) throw wrong(file, 'certificate', `puts '${name}' both in files and on a token`);
  return { kind: 'file', certificate: path, key, ...(owner === undefined ? {} : { owner }), ...(mode === undefined ? {} : { mode: Number.parseInt(mode, 8) }) };
}

function selectorOf(file: string, token: TokenTable): TokenSelector {
  const selectors: TokenSelector[] = [];
  if (token.label !== undefined) selectors.push({ by: 'label', label: token.label });
  if (token.slot !== undefined) selectors.push({ by: 'slot', slotId: token.slot });
  if (token['slot-index'] !== undefined) selectors.push({ by: 'slot-index', index: token['slot-index'] });
  if (token.uri !== undefined) selectors.push({ by: 'uri', uri: token.uri });
  return exactlyOne(file, selectors, 'label, slot, slot-index and uri');
}

function pinSourceOf(name: string, file: string, token: TokenTable): PinSource {
  const { 'pin-credential': credential, 'pin-unlock': unlock } = token;
  const sources: PinSource[] = [];
  if (token['pin-file'] !== undefined) sources.push({ from: 'file', path: token['pin-file'] });
  if (token['pin-env'] !== undefined) sources.push({ from: 'environment', variable: token['pin-env'] });
  // Together only to say where the credential's PIN goes.
  if (credential !== undefined && unlock === true) throw wrong(file, 'token.pin-unlock', 'is true beside pin-credential, which implies it; leave it out, or give it a path');
  if (credential !== undefined || unlock !== undefined) {
    sources.push({ from: 'unlocked', path: typeof unlock === 'string' ? unlock : `/run/hsmonger/${name}.pin`, instance: name, ...(credential === undefined ? {} : { credential }) });
  }
  return exactlyOne(file, sources, 'pin-file, pin-env, pin-credential and pin-unlock');
}

function exactlyOne<T>(file: string, given: readonly T[], names: string): T {
  const [first] = given;
  if (first === undefined || given.length > 1) throw wrong(file, 'token', `must name exactly one of ${names}, not ${given.length === 0 ? 'none' : String(given.length)}`);
  return first;
}

function invalid(file: string, issue: v.BaseIssue<unknown>): HsmongerError {
  const where = v.getDotPath(issue) ?? 'the file';
  if (issue.type === 'strict_object' && issue.expected === 'never') return wrong(file, where, 'is not a key hsmonger knows; see docs/configuration.md');
  if (issue.received === 'undefined') return wrong(file, where, 'is missing');
  const expectation = issue.message.startsWith('Invalid') ? `must be ${String(issue.expected)}, not ${issue.received}` : issue.message;
  return wrong(file, where, expectation);
}

function wrong(file: string, where: string, what: string): HsmongerError {
  return new HsmongerError('CONFIG_INVALID', `In ${file}: '${where}' ${what}.`);
}
