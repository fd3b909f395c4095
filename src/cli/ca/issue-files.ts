import { closeSync, constants, fchmodSync, fstatSync, fsyncSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { placeNew } from '../../platform/place-new.js';
import { csrFromPem } from '../../x509/pem.js';

const maxBytes = 1024 * 1024;

/** DER of the request in a file, PEM or DER; '-' is standard input. USAGE where it cannot be read, CSR_INVALID where it holds none. */
export function readRequest(file: string): Uint8Array {
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
export function requestsIn(directory: string): string[] {
  try {
    const names = readdirSync(directory).filter((name) => requestName.test(name)).sort();
    if (names.length === 0) throw new Error('it holds no file that ends in .csr, .req, .pem or .der');
    return names;
  } catch (error) {
    throw new HsmongerError('USAGE', `Cannot take requests from ${directory}: ${sentenceOf(error)}.`, { cause: error });
  }
}

/** What the certificate for a request's file is called. */
export function certificateName(request: string): string {
  return `${request.slice(0, request.length - path.extname(request).length)}.crt`;
}

/** A file to be written. */
export interface Wanted {
  readonly file: string;
  readonly content: string;
}

/** As writeAllWhole(), for one; its failure is thrown. */
export function writeWhole(file: string, content: string): void {
  const [fault] = writeAllWhole([{ file, content }]);
  if (fault !== undefined) throw fault;
}

/** Open at once. */
const together = 100;

/**
 * Writes files that were not there, each whole or not at all: others see it when it is on the disk. Whatever is there already stays. Gives for each what failed: USAGE where something else is there,
 * COMMAND_FAILED otherwise. All are written before the first is flushed: a journal that is flushed once takes the others with it.
 */
export function writeAllWhole(wanted: readonly Wanted[]): (HsmongerError | undefined)[] {
  const faults: (HsmongerError | undefined)[] = [];
  for (let from = 0; from < wanted.length; from += together) {
    const begun = wanted.slice(from, from + together).map((one) => ({ ...one, ...begin(one) }));
    for (const one of begun) flush(one);
    faults.push(...begun.map(finish));
  }
  return faults;
}

interface Begun extends Wanted {
  readonly aside: string;
  descriptor?: number;
  fault?: Error;
}

function begin({ file, content }: Wanted): Omit<Begun, keyof Wanted> {
  const aside = path.join(path.dirname(file), `.${path.basename(file)}.${String(process.pid)}.new`);
  let descriptor: number | undefined;
  try {
    // A process of this number may have been killed here before.
    rmSync(aside, { force: true });
    descriptor = openSync(aside, 'wx', 0o644);
    fchmodSync(descriptor, 0o644);
    // Not by writeSync(), which on a full disk may write a part and say so.
    writeFileSync(descriptor, content);
    return { aside, descriptor };
  } catch (fault) {
    return { aside, fault: fault as Error, ...(descriptor === undefined ? {} : { descriptor }) };
  }
}

function flush(begun: Begun): void {
  if (begun.descriptor === undefined) return;
  try {
    fsyncSync(begun.descriptor);
  } catch (fault) {
    begun.fault ??= fault as Error;
  } finally {
    closeSync(begun.descriptor);
  }
}

function finish({ file, content, aside, descriptor, fault }: Begun): HsmongerError | undefined {
  try {
    if (fault !== undefined) throw fault;
    placeNew(aside, file);
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return new HsmongerError('COMMAND_FAILED', `Cannot write ${file}: ${sentenceOf(error)}. The certificate is in the ledger: the same command gives it again.`, { cause: error });
    if (holds(file, content)) return undefined;
    return new HsmongerError('USAGE', `${file} is there already and was left as it is; name another place, or move it away. The certificate is in the ledger: the same command gives it again.`, { cause: error });
  } finally {
    if (descriptor !== undefined) rmSync(aside, { force: true });
  }
}

function holds(file: string, content: string): boolean {
  try {
    return readFileSync(file, 'latin1') === content;
  } catch {
    return false;
  }
}
