import type { Argv } from 'yargs';
import type { Digest, FieldPolicy } from '../../../config/instance.js';
import { HsmongerError } from '../../../errors.js';
import { attributeType } from '../../../x509/names/name-text.js';
import { databaseFlag, keyValues, moduleFlags, nicknameFlag, wholeNumber, type TokenFlags } from '../../flags.js';
import type { GlobalFlags, GlobalOptions } from '../../global-options.js';

/** Of a lifetime: a hundred years. */
export const maxDays = 36_525;
/** RFC 5280 sets no bound; a path this long is a slip. */
export const maxPathLength = 127;

/** Which token a CA's key is on, where there is no instance file yet. */
export interface OwnTokenOptions extends GlobalOptions, TokenFlags {
  readonly dbdir: string | undefined;
  readonly nickname: string | undefined;
  readonly digest: Digest | undefined;
  readonly rsaSignature: 'pkcs1' | 'pss' | undefined;
  readonly policy: Record<string, FieldPolicy> | undefined;
  readonly crlUrl: readonly string[] | undefined;
  readonly ocspUrl: readonly string[] | undefined;
  readonly issuerUrl: readonly string[] | undefined;
  readonly authorityKeyId: 'key' | 'key-and-issuer' | undefined;
  readonly nsCertType: boolean | undefined;
  readonly nsComment: string | undefined;
}

/** What a CA's own certificate is to say, and which key it is to have. */
export interface OwnCaOptions extends OwnTokenOptions {
  readonly subject: string | undefined;
  readonly key: string | undefined;
  readonly keyType: string | undefined;
  readonly days: number | undefined;
  readonly pathLength: number | undefined;
  readonly permit: readonly string[] | undefined;
  readonly exclude: readonly string[] | undefined;
}

// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- yargs works the type out
export function withOwnTokenOptions(yargs: Argv<GlobalFlags>) {
  return yargs
    .options(moduleFlags)
    .option('dbdir', { ...databaseFlag, describe: 'NSS database, made where there is none [STATE-DIR/INSTANCE/nss]' })
    .option('nickname', { ...nicknameFlag, describe: "Of the CA's certificate on the token [the instance's name]" })
    .option('digest', { choices: ['sha256', 'sha384', 'sha512'] as const, describe: 'What it signs with [what fits the key]' })
    .option('rsa-signature', { choices: ['pkcs1', 'pss'] as const, describe: 'How an RSA key signs [pkcs1]' })
    .option('policy', {
      type: 'string',
      array: true,
      requiresArg: true,
      coerce: fieldPolicies,
      describe: 'FIELD=match, optional or supplied: what it asks of the subjects of requests, repeatable',
    })
    .option('crl-url', { type: 'string', array: true, requiresArg: true, describe: 'Where its CRL lies, into what it issues, repeatable' })
    .option('ocsp-url', {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'Where its OCSP responder is, into what it issues, repeatable',
    })
    .option('issuer-url', {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'Where its own certificate lies, into what it issues, repeatable',
    })
    .option('authority-key-id', { choices: ['key', 'key-and-issuer'] as const, describe: "How a certificate names its issuer's key [key]" })
    .option('ns-cert-type', { type: 'boolean', describe: "Netscape's certificate type into what it issues" })
    .option('ns-comment', { type: 'string', requiresArg: true, describe: "Netscape's comment into what it issues" });
}

// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- yargs works the type out
export function withOwnCaOptions(yargs: Argv<GlobalFlags>) {
  return withOwnTokenOptions(yargs)
    .option('subject', {
      type: 'string',
      requiresArg: true,
      describe: "CN=My Root CA,O=My Company,C=US, or openssl's /C=US/O=My Company/CN=My Root CA",
    })
    .option('key', {
      type: 'string',
      requiresArg: true,
      conflicts: 'key-type',
      describe: 'Key that is on the token: its label, CKA_ID in hexadecimal, or PKCS#11 URI',
    })
    .option('key-type', {
      type: 'string',
      requiresArg: true,
      describe: 'Make a key: EC:secp384r1, rsa:4096, Ed25519, …; its label is the nickname',
    })
    .option('days', { type: 'string', requiresArg: true, coerce: wholeNumber('days', 1, maxDays), describe: 'Lifetime' })
    .option('path-length', {
      type: 'string',
      requiresArg: true,
      coerce: wholeNumber('path-length', 0, maxPathLength),
      describe: 'CAs that may stand below one another under it',
    })
    .option('permit', {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'Name constraint: dns:example.test, email:example.test, ip:192.0.2.0/24, uri:…, dirName:…; repeatable',
    })
    .option('exclude', { type: 'string', array: true, requiresArg: true, describe: 'The same for names that must not be, repeatable' });
}

const policies: Readonly<Record<string, FieldPolicy>> = { match: 'match', optional: 'optional', supplied: 'supplied' };

function fieldPolicies(words: readonly string[] | undefined): Record<string, FieldPolicy> | undefined {
  const pairs = keyValues('policy')(words);
  return pairs === undefined
    ? undefined
    : Object.fromEntries(
        Object.entries(pairs).map(([field, word]) => {
          const policy = policies[word];
          if (policy === undefined)
            throw new HsmongerError('USAGE', `--policy ${field}= wants match, optional or supplied, not '${word}'.`);
          if (attributeType(field) === undefined)
            throw new HsmongerError(
              'USAGE',
              `--policy names a field '${field}', which is not known here; write it as openssl does (organizationName), as RFC 4514 (O), or its dotted number.`,
            );
          return [field, policy];
        }),
      );
}
