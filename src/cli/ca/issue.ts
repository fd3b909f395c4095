import path from 'node:path';
import { HsmongerError } from '../../errors.js';
import type { AddCommand, Surroundings } from '../command.js';
import { moduleFlags, nicknameFlag, pathFlag, wholeNumber } from '../flags.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import { assertWritable, jobsOf, type FileOptions } from './issuing/issue-files.js';
import { issueOnToken } from './issuing/issue-on-token.js';
import { orderFromOptions, type OrderOptions } from './issuing/issue-order.js';
import { issueRequests } from './issuing/issue-requests.js';
import { previewIssuance } from './issuing/preview-issuance.js';
import { assertOwnedHere } from './ledger/owner.js';
import { maxDays, maxPathLength } from './making/own-options.js';

interface IssueOptions extends GlobalOptions, OrderOptions, FileOptions {
  readonly nickname: string | undefined;
  readonly token: string | undefined;
  readonly keyType: string | undefined;
  readonly key: string | undefined;
  readonly chain: boolean;
  readonly dryRun: boolean;
}

/** `ca issue`: certificates for requests in files, or for a key on the token. */
export const addIssue: AddCommand = (yargs, run) =>
  yargs.command(
    'issue',
    'Issue certificates: for requests in files, or for a key on the token',
    (ca) =>
      ca
        .option('in', { type: 'string', requiresArg: true, describe: 'Request: PEM or DER; - is standard input' })
        .option('in-dir', {
          ...pathFlag,
          describe: 'Directory of requests: *.csr, *.req, *.pem, *.der',
        })
        .option('out', {
          ...pathFlag,
          describe: 'File for the certificate, which must not be there yet [standard output]',
        })
        .option('out-dir', {
          ...pathFlag,
          describe: 'Directory for the certificates, named as their requests, with .crt',
        })
        .option('profile', {
          alias: 'T',
          type: 'string',
          requiresArg: true,
          default: 'server',
          describe: 'server, client, ocsp, subsystem, audit or sub-ca; or as Dogtag names it',
        })
        .option('subject', {
          type: 'string',
          requiresArg: true,
          describe: "Subject instead of the request's: CN=a,O=b as RFC 4514, or /O=b/CN=a as openssl",
        })
        .option('san', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: "Name instead of the request's, repeatable: dns:, ip:, email:, uri:, dirName:",
        })
        .option('eku', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: "Extended key usages instead of the profile's: serverAuth,clientAuth, …, or OIDs; repeatable",
        })
        .option('days', {
          type: 'string',
          requiresArg: true,
          coerce: wholeNumber('days', 1, maxDays),
          describe: "Lifetime [the profile's]; never beyond the CA's own end",
        })
        .option('path-length', {
          type: 'string',
          requiresArg: true,
          coerce: wholeNumber('path-length', 0, maxPathLength),
          describe: 'How many CAs may stand below it [0] (sub-ca)',
        })
        .option('permit', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: 'Names it may certify, repeatable: dns:example.test, ip:10.0.0.0/8, … (sub-ca)',
        })
        .option('exclude', { type: 'string', array: true, requiresArg: true, describe: 'Names it may not certify, repeatable (sub-ca)' })
        .option('nickname', {
          ...nicknameFlag,
          describe: 'For a key on the token: the certificate is stored there under this name',
        })
        .option('token', {
          ...moduleFlags.token,
          describe: "Which of the instance file's tokens is to have both, by its name there or its label [the CA's own] (with --nickname)",
        })
        .option('key-type', {
          type: 'string',
          requiresArg: true,
          describe: 'Make a key: rsa:3072, P-256, EC:secp384r1, Ed25519, …  (with --nickname)',
        })
        .option('key', {
          type: 'string',
          requiresArg: true,
          describe: 'Key that is there: its label, CKA_ID in hexadecimal, or pkcs11: URI (with --nickname)',
        })
        .option('chain', { type: 'boolean', default: false, describe: 'Append the CA certificates between it and the root' })
        .option('again', { type: 'boolean', default: false, describe: 'A new certificate, though the same request has got one' })
        .option('dry-run', { type: 'boolean', default: false, describe: 'Show what would be issued; needs no PIN' })
        .example('hsmonger ca issue --in www.csr --out www.crt --san dns:www.example.test', '')
        .example('hsmonger ca issue --profile client --in-dir csrs --out-dir certs', 'Many at once')
        .example("hsmonger ca issue --profile ocsp --nickname ocsp --key-type P-256 --subject 'CN=OCSP,O=EXAMPLE.TEST'", '')
        .example(
          "hsmonger ca issue --profile ocsp --nickname ocsp --token responder --key-type P-256 --subject 'CN=OCSP,O=EXAMPLE.TEST'",
          'On the token [tokens.responder] of the instance file',
        ),
    run(issue),
  );

async function issue(options: IssueOptions, surroundings: Surroundings): Promise<number> {
  assertTogether(options);
  const order = orderFromOptions(options, surroundings.clock());
  const place = instanceOf(options, surroundings.env);
  await assertOwnedHere(place, 'issue the certificate');
  const directory = options.outDir ?? (options.out === undefined ? undefined : path.dirname(options.out));
  if (directory !== undefined && !options.dryRun) assertWritable(directory);
  if (options.nickname !== undefined) return issueOnToken(place, order, { ...options, nickname: options.nickname }, surroundings);
  const { jobs, unread } = jobsOf(options);
  if (options.dryRun) return previewIssuance(place, order, jobs, unread, options, surroundings);
  return issueRequests(place, order, jobs, unread, options, surroundings);
}

function assertTogether({ in: file, inDir, out, outDir, nickname, token, keyType, key, subject }: IssueOptions): void {
  const wrong = (message: string) => new HsmongerError('USAGE', message);
  if ([file, inDir, nickname].filter((one) => one !== undefined).length !== 1)
    throw wrong(
      'Say where the request comes from: --in FILE, --in-dir DIRECTORY, or --nickname with --key-type or --key for a key on the token.',
    );
  if ((inDir === undefined) !== (outDir === undefined)) throw wrong('--in-dir and --out-dir go together.');
  if (inDir !== undefined && out !== undefined) throw wrong('--out is for one certificate; with --in-dir goes --out-dir.');
  if (inDir !== undefined && subject !== undefined)
    throw wrong('--subject is for one certificate; with --in-dir each request keeps its own.');
  if (nickname === undefined && (keyType !== undefined || key !== undefined || token !== undefined))
    throw wrong('--token, --key-type and --key go with --nickname: the name of the certificate on the token.');
  if (nickname !== undefined && (keyType === undefined) === (key === undefined))
    throw wrong('With --nickname goes --key-type for a new key or --key for one that is on the token.');
  if (nickname !== undefined && subject === undefined) throw wrong('With --nickname goes --subject: there is no request that says it.');
}
