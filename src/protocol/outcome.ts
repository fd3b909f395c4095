import { plainCookie } from './cookie.js';

/** What the helper answers, and how certmonger wants it written (submit-e.h:26-36, submit-e.c:56-59). Nothing else knows exit codes. */
export type Outcome =
  | {
      readonly kind: 'issued';
      readonly certificate: string;
      readonly chain: readonly string[];
      readonly roots: readonly NamedCertificate[];
    }
  | { readonly kind: 'roots'; readonly roots: readonly NamedCertificate[]; readonly others: readonly NamedCertificate[] }
  /** One line, or a list of one item a line. The text must be stable: certmonger restarts every request of the CA when it changes. */
  | { readonly kind: 'text'; readonly lines: readonly string[] }
  | { readonly kind: 'rejected'; readonly reason: string }
  | { readonly kind: 'unconfigured'; readonly reason: string }
  /**
   * Makes certmonger come back with POLL and `cookie` (one line; it logs cookies and stores them in clear), by default one that says
   * nothing.
   */
  | { readonly kind: 'retry'; readonly afterSeconds: number; readonly cookie?: string }
  | { readonly kind: 'unsupported' }
  /** A child has given the answer already, and ended with this. */
  | { readonly kind: 'given'; readonly exitCode: ExitCode };

/** A certificate in PEM and the name certmonger stores it under. */
export interface NamedCertificate {
  readonly nickname: string;
  readonly certificate: string;
}

const exitCodes = [0, 2, 4, 5, 6] as const;
export type ExitCode = (typeof exitCodes)[number];

/** Whether a process that ended so has given an answer of ours: node and what runs it use other codes. */
export function isExitCode(status: number | null): status is ExitCode {
  return (exitCodes as readonly (number | null)[]).includes(status);
}

export interface Answer {
  readonly exitCode: ExitCode;
  readonly stdout: string;
}

export function encodeOutcome(outcome: Outcome): Answer {
  switch (outcome.kind) {
    case 'issued':
      return {
        exitCode: 0,
        stdout: json({
          certificate: outcome.certificate,
          chain: outcome.chain.map((certificate, index) => ({ nickname: `chain #${String(index + 1)}`, certificate })),
          roots: outcome.roots,
        }),
      };
    case 'roots':
      return { exitCode: 0, stdout: json({ roots: outcome.roots, 'other-roots': [], other: outcome.others }) };
    case 'text':
      return { exitCode: 0, stdout: outcome.lines.map((line) => `${line}\n`).join('') };
    case 'rejected':
      return { exitCode: 2, stdout: `${oneLine(outcome.reason)}\n` };
    case 'unconfigured':
      return { exitCode: 4, stdout: `${oneLine(outcome.reason)}\n` };
    case 'retry':
      return { exitCode: 5, stdout: `${String(Math.max(1, Math.ceil(outcome.afterSeconds)))}\n${outcome.cookie ?? plainCookie}\n` };
    case 'unsupported':
      return { exitCode: 6, stdout: '' };
    case 'given':
      return { exitCode: outcome.exitCode, stdout: '' };
  }
}

// certmonger shows the first line as ca-error, and takes any byte above 0x7f amiss in what it parses as PEM.
function json(value: unknown): string {
  return `${JSON.stringify(value).replace(/[\u0080-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
}
