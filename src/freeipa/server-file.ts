import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../errors.js';

const largest = 4 * 1024 * 1024;

/** Where a file of the server lies; `root` is / but for a tree made to look like a server. */
export function onServer(root: string, file: string): string {
  return path.join(root, file);
}

/**
 * The octets of one of the server's own files, to be wiped by who reads secrets; undefined where there is none. FREEIPA_INVALID for what
 * cannot be read.
 */
export function readServerFile(root: string, file: string): Buffer | undefined {
  const name = onServer(root, file);
  try {
    // O_NONBLOCK: a FIFO must not hold us up before we have seen that it is one.
    const descriptor = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      const stats = fstatSync(descriptor);
      if (!stats.isFile() || stats.size > largest)
        throw new HsmongerError('FREEIPA_INVALID', `${name} is not a regular file of at most 4 MiB.`);
      const content = Buffer.alloc(stats.size);
      return content.subarray(0, readSync(descriptor, content, 0, content.length, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (error instanceof HsmongerError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new HsmongerError(
      'FREEIPA_INVALID',
      `Cannot read ${name}: ${sentenceOf(error).replace(/\.$/u, '')}; run as root on the IPA server.`,
      { cause: error },
    );
  }
}

/** The same as text; FREEIPA_INVALID where it is none. */
export function readServerText(root: string, file: string): string | undefined {
  const content = readServerFile(root, file);
  if (content === undefined) return undefined;
  if (!isUtf8(content) || content.includes(0)) throw new HsmongerError('FREEIPA_INVALID', `${onServer(root, file)} is not UTF-8 text.`);
  return content.toString('utf8').replace(/^\ufeff/u, '');
}
