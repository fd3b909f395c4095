import path from 'node:path';
import { asHsmongerError, HsmongerError } from '../../errors.js';
import type { IssueResult, NamedRequest } from '../../issuer/token/issuance/results.js';
import { askService } from '../../service/ask.js';
import type { Progress } from '../../service/order.js';
import type { Issued, OrderInput } from '../../service/tasks/ca/issue-certificates.js';
import { nameText } from '../../x509/names/name.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { certificateToPem } from '../../x509/pem.js';
import type { AddCommand, Surroundings } from '../command.js';
import { nicknameFlag, pathFlag, wholeNumber } from '../flags.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import { harmless, json, progressLine } from '../output.js';
import { writeAllNew } from '../write-file.js';
import { assertWritable, certificateName, inLedger, readRequest, requestsIn } from './issuing/issue-files.js';
import { orderFromOptions, type OrderOptions } from './issuing/issue-order.js';
import { issueOnToken } from './issuing/issue-on-token.js';
import { assertOwnedHere } from './ledger/owner.js';
import { portionsOf } from './issuing/portions.js';
import { previewIssuance } from './issuing/preview-issuance.js';
import { maxDays, maxPathLength } from './making/own-options.js';

interface IssueOptions extends GlobalOptions, OrderOptions {
  readonly in: string | undefined;
  readonly inDir: string | undefined;
  readonly out: string | undefined;
  readonly outDir: string | undefined;
  readonly nickname: string | undefined;
  readonly keyType: string | undefined;
  readonly key: string | undefined;
  readonly chain: boolean;
  readonly dryRun: boolean;
}

/** A request, and where its certificate goes; standard output where it is not said. */
export interface Job extends NamedRequest {
  readonly file?: string;
}

/** A request that could not even be read. */
interface Unread {
  readonly name: string;
  readonly problem: { readonly code: string; readonly message: string };
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
        .example("hsmonger ca issue --profile ocsp --nickname ocsp --key-type P-256 --subject 'CN=OCSP,O=EXAMPLE.TEST'", ''),
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

function assertTogether({ in: file, inDir, out, outDir, nickname, keyType, key, subject }: IssueOptions): void {
  const wrong = (message: string) => new HsmongerError('USAGE', message);
  if ([file, inDir, nickname].filter((one) => one !== undefined).length !== 1)
    throw wrong(
      'Say where the request comes from: --in FILE, --in-dir DIRECTORY, or --nickname with --key-type or --key for a key on the token.',
    );
  if ((inDir === undefined) !== (outDir === undefined)) throw wrong('--in-dir and --out-dir go together.');
  if (inDir !== undefined && out !== undefined) throw wrong('--out is for one certificate; with --in-dir goes --out-dir.');
  if (inDir !== undefined && subject !== undefined)
    throw wrong('--subject is for one certificate; with --in-dir each request keeps its own.');
  if (nickname === undefined && (keyType !== undefined || key !== undefined))
    throw wrong('--key-type and --key go with --nickname: the name of the certificate on the token.');
  if (nickname !== undefined && (keyType === undefined) === (key === undefined))
    throw wrong('With --nickname goes --key-type for a new key or --key for one that is on the token.');
  if (nickname !== undefined && subject === undefined) throw wrong('With --nickname goes --subject: there is no request that says it.');
}

function jobsOf({ in: file, inDir, out, outDir }: IssueOptions): { readonly jobs: readonly Job[]; readonly unread: readonly Unread[] } {
  if (inDir === undefined || outDir === undefined)
    return { jobs: [{ name: file ?? '-', csr: readRequest(file ?? '-'), ...(out === undefined ? {} : { file: out }) }], unread: [] };
  const jobs: Job[] = [];
  const unread: Unread[] = [];
  const taken = new Map<string, string>();
  for (const name of requestsIn(inDir)) {
    try {
      const target = certificateName(name);
      const other = taken.get(target);
      if (other !== undefined)
        throw new HsmongerError('USAGE', `Its certificate would be ${target}, like that for ${other}; give one of the files another name.`);
      taken.set(target, name);
      jobs.push({ name, csr: readRequest(path.join(inDir, name)), file: path.join(outDir, target) });
    } catch (error) {
      const { code, message } = asHsmongerError(error);
      unread.push({ name, problem: { code, message } });
    }
  }
  return { jobs, unread };
}

async function issueRequests(
  place: ReturnType<typeof instanceOf>,
  order: OrderInput,
  jobs: readonly Job[],
  unread: readonly Unread[],
  options: IssueOptions,
  { io, signal }: Surroundings,
): Promise<number> {
  const line = progressLine(io);
  const reports: Report[] = unread.map(({ name, problem }) => ({ name, problem }));
  let before = 0;
  for (const some of portionsOf(jobs)) {
    const from = before;
    before += some.length;
    const files = new Map(some.map(({ name, file }) => [name, file]));
    const kept = new Map<string, Report>();
    const take = ({ results, chain }: Issued) => {
      const above = options.chain ? chain.map(certificateToPem).join('') : '';
      for (const report of keepAll(
        results.filter(({ name }) => !kept.has(name)),
        files,
        above,
      ))
        kept.set(report.name, report);
    };
    // What is in the ledger is in its file, too, should the rest never come.
    const onProgress = ({ done, part }: Progress) => {
      line.show(`${String(from + done)} of ${String(jobs.length)} certificates`);
      if (part !== undefined) take(part as Issued);
    };
    const answer = await askService(
      place,
      'issue certificates',
      { ...order, requests: some.map(({ name, csr }) => ({ name, csr })) },
      { onProgress, signal },
    );
    line.clear();
    take(answer);
    reports.push(...some.flatMap(({ name }) => kept.get(name) ?? []));
  }
  return tell(reports, options, jobs.length + unread.length, io);
}

interface Report {
  readonly name: string;
  readonly serial?: string;
  readonly subject?: string;
  readonly notAfter?: Date;
  readonly file?: string;
  readonly before?: boolean;
  /** PEM, where no file was named. */
  readonly pem?: string;
  readonly problem?: { readonly code: string; readonly message: string };
}

/** What is told of each result, its file written where it has one. */
function keepAll(results: readonly IssueResult[], files: ReadonlyMap<string, string | undefined>, above: string): Report[] {
  const reports = results.map((result) => reportOf(result, above));
  const wanted = reports.flatMap(({ name, pem }) => {
    const file = files.get(name);
    return file === undefined || pem === undefined ? [] : [{ name, file, content: pem }];
  });
  const faults = writeAllNew(wanted, inLedger);
  const written = new Map(wanted.map(({ name, file }, nth) => [name, { file, fault: faults[nth] }]));
  return reports.map((report) => {
    const one = written.get(report.name);
    if (one === undefined) return report;
    const { pem, ...facts } = report;
    return pem === undefined || one.fault === undefined
      ? { ...facts, file: one.file }
      : { ...facts, problem: { code: one.fault.code, message: one.fault.message } };
  });
}

function reportOf(result: IssueResult, above: string): Report {
  if ('problem' in result) return result;
  const { serial, subject, notAfter } = parseCertificate(result.certificate);
  return {
    name: result.name,
    serial: Buffer.from(serial).toString('hex'),
    subject: nameText(subject),
    notAfter,
    before: result.before,
    pem: certificateToPem(result.certificate) + above,
  };
}

/** A page of one line each is read; a thousand are not. */
const listed = 50;

function tell(reports: readonly Report[], { json: asJson }: IssueOptions, total: number, io: Surroundings['io']): number {
  const failed = reports.filter(({ problem }) => problem !== undefined);
  if (asJson) {
    io.out(json(reports));
    return failed.length === 0 ? 0 : 1;
  }
  // A token that is gone is one trouble, not a thousand.
  const troubles = new Map<string, string[]>();
  for (const { name, problem } of failed) {
    const message = problem?.message ?? '';
    const names = troubles.get(message) ?? [];
    names.push(name);
    troubles.set(message, names);
  }
  for (const [message, [first = '', ...more]] of [...troubles].slice(0, listed))
    io.err(`${harmless(first)}${more.length === 0 ? '' : ` and ${String(more.length)} more`}: ${harmless(message)}\n`);
  if (troubles.size > listed) io.err('… and more; --json lists them all.\n');
  const [only] = reports;
  if (only?.pem !== undefined) {
    io.out(only.pem);
    if (only.problem === undefined) io.err(`${line(only)}\n`);
  } else {
    const done = reports.filter(({ problem }) => problem === undefined);
    for (const report of done.slice(0, total > listed ? 0 : listed)) io.out(`${line(report)}\n`);
    if (total > 1)
      io.out(
        `${String(done.length)} of ${String(total)} certificates issued${done.some(({ before }) => before === true) ? `, ${String(done.filter(({ before }) => before === true).length)} of them before` : ''}.\n`,
      );
  }
  return failed.length === 0 ? 0 : 1;
}

function line({ file, serial = '', subject = '', notAfter, before }: Report): string {
  return `${file === undefined ? '' : `${harmless(file)}: `}${harmless(subject)}, serial ${serial}, expires ${notAfter?.toISOString().slice(0, 10) ?? ''}${before === true ? ' (issued before)' : ''}`;
}
