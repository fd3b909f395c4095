import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { stateDirectory } from '../../config/directories.js';
import type { Directories, Instance } from '../../config/instance.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { importedFile } from '../../issuer/external/imported.js';
import { writeDurably } from '../../platform/durable-file.js';
import { equalBytes } from '../../x509/der.js';
import { certificateToPem } from '../../x509/pem.js';
import type { Admitted } from './judge-import.js';

/**
 * Where an imported certificate waits for the helper: named by its key, the service user's. One PEM certificate, and behind it what stands
 * above it, nearest first.
 */
export function importFile(directories: Directories, instance: Pick<Instance, 'name'>, spki: Uint8Array): string {
  return importedFile(stateDirectory(directories, instance), spki);
}

/** Puts the certificate where the helper looks for it, and gives the file. STATE_UNAVAILABLE where it cannot. */
export function keepImport(
  directories: Directories,
  instance: Pick<Instance, 'name'>,
  { certificate, path: { chain, roots } }: Admitted,
): string {
  const file = importFile(directories, instance, certificate.spki);
  try {
    mkdirSync(path.dirname(file), { mode: 0o700, recursive: true });
    const above = [...chain, ...roots].filter(({ der }) => !equalBytes(der, certificate.der));
    writeDurably(file, [certificate, ...above].map(({ der }) => certificateToPem(der)).join(''));
    return file;
  } catch (error) {
    throw new HsmongerError(
      'STATE_UNAVAILABLE',
      `Cannot keep the imported certificate in ${path.dirname(file)}: ${sentenceOf(error)}. Nothing was changed.`,
      { cause: error },
    );
  }
}
