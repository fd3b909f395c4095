import { closeSync, constants, fstatSync, linkSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { csrFromPem } from '../../x509/pem.js';
import { fillNew } from '../write-file.js';

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

/**
 * Writes a file that was not there, whole or not at all: others see it when it is on the disk. Whatever is there already stays; whether it is just what was to be written. USAGE where it is something
 * else.
 */
export function writeWhole(file: string, content: string): 'written' | 'there already' {
  const aside = path.join(path.dirname(file), `.${path.basename(file)}.${String(process.pid)}.new`);
  try {
    // A process of this number may have been killed here before.
    rmSync(aside, { force: true });
    const descriptor = openSync(aside, 'wx', 0o644);
    try {
      fillNew(descriptor, content);
    } finally {
      closeSync(descriptor);
    }
    // Unlike rename(2), link(2) never takes the place of a file that is there.
    linkSync(aside, file);
    return 'written';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new HsmongerError('COMMAND_FAILED', `Cannot write ${file}: ${sentenceOf(error)}.`, { cause: error });
    if (holds(file, content)) return 'there already';
    throw new HsmongerError('USAGE', `${file} is there already and was left as it is; name another place, or move it away. The certificate is in the ledger: the same command gives it again.`, { cause: error });
  } finally {
    rmSync(aside, { force: true });
  }
}

function holds(file: string, content: string): boolean {
  try {
    return readFileSync(file, 'latin1') === content;
  } catch {
    return false;
  }
}
