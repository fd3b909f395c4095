import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError, sentenceOf } from '../../errors.js';
import type { Certificate } from '../../x509/certificate.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { certificatesFromPem } from '../../x509/pem.js';
import { keyFingerprint } from '../../x509/public-key.js';

/** The answer of an outside CA, put here by `hsmonger ca import`. */
export interface Imported {
  readonly certificate: Certificate;
  /** What stands above it, as far as it came along. */
  readonly chain: readonly Certificate[];
}

const maxBytes = 1024 * 1024;

/**
 * Where the answer for a key waits: PEM, the certificate first, then its chain. The service user's, 0600, below the instance's state
 * directory.
 */
export function importedFile(stateDirectory: string, spki: Uint8Array): string {
  return path.join(stateDirectory, 'imported', `${keyFingerprint(spki)}.pem`);
}

/** The answer that waits for this key; undefined where there is none. CERTIFICATE_INVALID for what is no such file. */
export function readImported(stateDirectory: string, spki: Uint8Array): Imported | undefined {
  const file = importedFile(stateDirectory, spki);
  const text = contentOf(file);
  if (text === undefined) return undefined;
  const [certificate, ...chain] = certificatesFromPem(text, file).map((der) => parseCertificate(der, `A certificate in ${file}`));
  if (certificate === undefined)
    throw new HsmongerError(
      'CERTIFICATE_INVALID',
      `${file} holds no certificate in PEM; import the outside CA's answer again with 'hsmonger ca import'.`,
    );
  return { certificate, chain };
}

function contentOf(file: string): string | undefined {
  try {
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(descriptor);
      if (!stats.isFile() || stats.size > maxBytes) throw new Error('it is no plain file of at most 1 MiB');
      return readFileSync(descriptor, 'latin1');
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new HsmongerError('STATE_UNAVAILABLE', `The imported certificate ${file} cannot be read: ${sentenceOf(error)}.`, {
      cause: error,
    });
  }
}
