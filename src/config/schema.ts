import path from 'node:path';
import * as v from 'valibot';
import { HsmongerError } from '../errors.js';
import type { Instance, PinSource, TokenSelector } from './instance.js';
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
/** Names that end in certmonger's command lines and request ids (design rule 12). */
export const identifier = /^[A-Za-z0-9][A-Za-z0-9._-]*$/u;

const fileSchema = v.strictObject({
  user: v.optional(v.pipe(text, v.regex(/^[A-Za-z0-9_][A-Za-z0-9._@-]*\$?$/u, 'must be a user name'), v.notValue('root', 'must not be root: what runs as the service user runs without privileges')), 'pkiuser'),
  drop: v.optional(v.picklist(['setuid', 'runuser']), 'setuid'),
  token: v.strictObject({
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
  }),
  nss: v.strictObject({
    database: v.pipe(
      text,
      v.check((value) => !value.startsWith('dbm:'), 'names a dbm: database, which NSS is giving up; convert it with certutil -N -d sql:DIR --upgrade-merge'),
      v.transform((value) => value.replace(/^sql:/u, '')),
      absolute,
    ),
    'password-file': v.optional(absolute),
  }),
  issuer: v.strictObject({
    type: v.picklist(['token', 'dogtag', 'directory', 'external']),
    certificate: text,
    'lifetime-days': v.optional(v.record(profile, days), {}),
    'backdate-seconds': v.optional(v.pipe(count, v.maxValue(604_800, 'must be at most a week')), 60),
    digest: v.optional(v.picklist(['sha256', 'sha384', 'sha512']), 'sha256'),
  }),
  saving: v.optional(
    v.strictObject({
      restart: v.optional(unit),
      stop: v.optional(unit),
      'guard-minutes': v.optional(v.pipe(count, v.minValue(1, 'must be at least 1')), 15),
    }),
    {},
  ),
  helper: v.optional(
    v.strictObject({ 'deadline-seconds': v.optional(v.pipe(count, v.minValue(5, 'must be at least 5'), v.maxValue(3600, 'must be at most 3600')), 120) }),
    {},
  ),
  certificate: v.optional(v.array(v.strictObject({ nickname, profile })), []),
});

type File = v.InferOutput<typeof fileSchema>;

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
  return {
    name,
    file,
    user: output.user,
    drop: output.drop,
    token: {
      selector: selectorOf(file, output.token),
      module: output.token.module,
      ...(output.token.parameters === undefined ? {} : { parameters: output.token.parameters }),
      environment: output.token.environment,
      pin: pinSourceOf(file, output.token),
    },
    nss: {
      database: path.normalize(output.nss.database),
      ...(output.nss['password-file'] === undefined ? {} : { passwordFile: output.nss['password-file'] }),
    },
    issuer: {
      type: output.issuer.type,
      certificate: output.issuer.certificate,
      lifetimeDays: output.issuer['lifetime-days'],
      backdateSeconds: output.issuer['backdate-seconds'],
      digest: output.issuer.digest,
    },
    saving: {
      ...(output.saving.restart === undefined ? {} : { restart: output.saving.restart }),
      ...(output.saving.stop === undefined ? {} : { stop: output.saving.stop }),
      guardMinutes: output.saving['guard-minutes'],
    },
    helper: { deadlineSeconds: output.helper['deadline-seconds'] },
    certificates: output.certificate,
  };
}

function selectorOf(file: string, token: File['token']): TokenSelector {
  const selectors: TokenSelector[] = [];
  if (token.label !== undefined) selectors.push({ by: 'label', label: token.label });
  if (token.slot !== undefined) selectors.push({ by: 'slot', slotId: token.slot });
  if (token['slot-index'] !== undefined) selectors.push({ by: 'slot-index', index: token['slot-index'] });
  if (token.uri !== undefined) selectors.push({ by: 'uri', uri: token.uri });
  return exactlyOne(file, selectors, 'label, slot, slot-index and uri');
}

function pinSourceOf(file: string, token: File['token']): PinSource {
  const sources: PinSource[] = [];
  if (token['pin-file'] !== undefined) sources.push({ from: 'file', path: token['pin-file'] });
  if (token['pin-env'] !== undefined) sources.push({ from: 'environment', variable: token['pin-env'] });
  if (token['pin-credential'] !== undefined) sources.push({ from: 'credential', name: token['pin-credential'] });
  return exactlyOne(file, sources, 'pin-file, pin-env and pin-credential');
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
