import type { IssueResult } from '../../../issuer/token/issuance/results.js';
import { nameText } from '../../../x509/names/name.js';
import { usageText } from '../../../x509/extensions/usage-text.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { certificateToPem } from '../../../x509/pem.js';
import type { Io } from '../../io.js';
import { harmless, json } from '../../output.js';
import { writeAllNew } from '../../write-file.js';
import { inLedger } from './issue-files.js';
import { tellWithheld } from './tell-withheld.js';

/** What became of one request. */
export interface Report {
  readonly name: string;
  readonly serial?: string;
  readonly subject?: string;
  readonly notAfter?: Date;
  readonly file?: string;
  readonly before?: boolean;
  /** See Given. */
  readonly withheld?: readonly string[];
  /** PEM, where no file was named. */
  readonly pem?: string;
  readonly problem?: { readonly code: string; readonly message: string };
}

/** What is told of each result, its file written where it has one; `above`: PEM to go with each. */
export function keepAll(results: readonly IssueResult[], files: ReadonlyMap<string, string | undefined>, above: string): Report[] {
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
    ...(result.withheld === undefined ? {} : { withheld: result.withheld.map(usageText) }),
    pem: certificateToPem(result.certificate) + above,
  };
}

/** A page of one line each is read; a thousand are not. */
const listed = 50;

/** Exit code: 1 where any request got no certificate. */
export function tell(reports: readonly Report[], { json: asJson }: { readonly json: boolean }, total: number, io: Io): number {
  tellWithheld(reports, io);
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
