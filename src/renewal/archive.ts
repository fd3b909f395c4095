import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../errors.js';
import { writeDurably } from '../platform/durable-file.js';
import { certificateFromPem, certificateToPem } from '../x509/pem.js';
import type { Certificate } from '../x509/certificate.js';
import { equalBytes } from '../x509/der.js';

/**
 * Keeps a certificate as PEM, 0600, on the disk before it returns. The name is made of nickname, serial and the certificate's hash, so
 * keeping it twice changes nothing. Returns the file's path.
 */
export function archive(directory: string, nickname: string, certificate: Certificate): string {
  const file = archiveFile(directory, nickname, certificate);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (isArchived(directory, nickname, certificate)) return file;
    writeDurably(file, certificateToPem(certificate.der));
    return file;
  } catch (error) {
    throw new HsmongerError(
      'STATE_UNAVAILABLE',
      `Cannot keep the superseded certificate as ${file}: ${sentenceOf(error)}. It was not removed; mend ${directory} and it goes on by itself.`,
      { cause: error },
    );
  }
}

/** Whether exactly this certificate lies in the archive: asked before each removal. */
export function isArchived(directory: string, nickname: string, certificate: Certificate): boolean {
  const file = archiveFile(directory, nickname, certificate);
  try {
    return equalBytes(certificateFromPem(readFileSync(file, 'utf8')), certificate.der);
  } catch {
    return false;
  }
}

export function archiveFile(directory: string, nickname: string, certificate: Certificate): string {
  const hash = createHash('sha256').update(certificate.der).digest('hex').slice(0, 16);
  const serial = Buffer.from(certificate.serial).toString('hex');
  return path.join(directory, `${nickname.replace(/[^A-Za-z0-9._-]+/gu, '_').slice(0, 100)}.${serial}.${hash}.pem`);
}
