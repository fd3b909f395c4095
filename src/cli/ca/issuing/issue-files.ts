import { accessSync, closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { asHsmongerError, HsmongerError, sentenceOf } from '../../../errors.js';
import type { NamedRequest } from '../../../issuer/token/issuance/results.js';
import { csrFromPem } from '../../../x509/pem.js';

/** Where requests are, and where their certificates go. */
export interface FileOptions {
  readonly in: string | undefined;
  readonly inDir: string | undefined;
  readonly out: string | undefined;
  readonly outDir: string | undefined;
}

/** A request, and where its certificate goes; standard output where it is not said. */
export interface Job extends NamedRequest {
  readonly file?: string;
}

/** A request that could not even be read. */
export interface Unread {
  readonly name: string;
  readonly problem: { readonly code: string; readonly message: string };
}

/** The requests the flags name, read. USAGE or CSR_INVALID where the only one cannot be; in a directory the others go on. */
export function jobsOf({ in: file, inDir, out, outDir }: FileOptions): {
  readonly jobs: readonly Job[];
  readonly unread: readonly Unread[];
} {
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

const maxBytes = 1024 * 1024;

/** DER of the request in a file, PEM or DER; '-' is standard input. USAGE where it cannot be read, CSR_INVALID where it holds none. */
function readRequest(file: string): Uint8Array {
  const content = contentOf(file);
  // DER begins with a SEQUENCE, which no PEM file does.
  return content[0] === 0x30 ? Uint8Array.from(content) : csrFromPem(content.toString('latin1'), file === '-' ? 'Standard input' : file);
}

function contentOf(file: string): Buffer {
  try {
    if (file === '-') return readFileSync(0);
    // Opening a pipe would wait for whoever writes it.
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(descriptor);
      if (!stats.isFile() || stats.size > maxBytes) throw new Error('it is no regular file of at most 1 MiB');
      return readFileSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw new HsmongerError('USAGE', `Cannot read ${file}: ${sentenceOf(error)}.`, { cause: error });
  }
}

const requestName = /^[^.].*\.(?:csr|req|pem|der)$/u;

/** The requests in a directory, by their file names, sorted. */
function requestsIn(directory: string): string[] {
  try {
    const names = readdirSync(directory)
      .filter((name) => requestName.test(name))
      .sort();
    if (names.length === 0) throw new Error('it holds no file that ends in .csr, .req, .pem or .der');
    return names;
  } catch (error) {
    throw new HsmongerError('USAGE', `Cannot take requests from ${directory}: ${sentenceOf(error)}.`, { cause: error });
  }
}

/** What the certificate for a request's file is called. */
function certificateName(request: string): string {
  return `${request.slice(0, request.length - path.extname(request).length)}.crt`;
}

/** USAGE where no file can be written into a directory: found before anything is signed for it. */
export function assertWritable(directory: string): void {
  try {
    if (!statSync(directory).isDirectory()) throw new Error('it is no directory');
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new HsmongerError('USAGE', `Certificates cannot be written into ${directory}: ${sentenceOf(error)}; nothing was issued.`, {
      cause: error,
    });
  }
}

/** Why a file that cannot be written loses nothing. */
export const inLedger = 'The certificate is in the ledger: the same command gives it again.';
