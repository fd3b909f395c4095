import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { stateDirectory } from '../../config/directories.js';
import type { Directories, Instance } from '../../config/instance.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { writeDurably } from '../../platform/durable-file.js';
import { certificateToPem } from '../../x509/pem.js';
import { keyFingerprint } from '../../x509/public-key.js';
import type { Admitted } from './judge-import.js';

/** Where an imported certificate waits for the helper: named by its key, the service user's. */
export interface ImportFiles {
  /** One PEM certificate. */
  readonly certificate: string;
  /** What stands above it, nearest first, the root last; empty for a self-signed one. */
  readonly chain: string;
}

export function importFiles(directories: Directories, instance: Pick<Instance, 'name'>, spki: Uint8Array): ImportFiles {
  const stem = path.join(stateDirectory(directories, instance), 'imported', keyFingerprint(spki));
  return { certificate: `${stem}.pem`, chain: `${stem}.chain.pem` };
}

/** Puts the certificate where the helper looks for it; whoever sees it sees its chain too. STATE_UNAVAILABLE where it cannot. */
export function keepImport(directories: Directories, instance: Pick<Instance, 'name'>, { certificate, path: above }: Admitted): ImportFiles {
  const files = importFiles(directories, instance, certificate.spki);
  try {
    mkdirSync(path.dirname(files.certificate), { mode: 0o700, recursive: true });
    const roots = above.roots.filter(({ der }) => Buffer.compare(der, certificate.der) !== 0);
    writeDurably(files.chain, [...above.chain, ...roots].map(({ der }) => certificateToPem(der)).join(''));
    writeDurably(files.certificate, certificateToPem(certificate.der));
    return files;
  } catch (error) {
    throw new HsmongerError('STATE_UNAVAILABLE', `Cannot keep the imported certificate in ${path.dirname(files.certificate)}: ${sentenceOf(error)}. Nothing was changed.`, { cause: error });
  }
}
