import type { DirectoryConfig } from '../../../config/instance.js';
import { readCaEntry, type HsmConfiguration } from '../../../directory/ca-entry.js';
import type { Directory } from '../../../directory/directory.js';
import { textsOf } from '../../../directory/entry-values.js';
import { openDirectory } from '../../../directory/open.js';

/** What only the directory knows. */
export interface DirectoryAnswers {
  /** RFC 4514. */
  readonly subjectBase: string;
  readonly hsm: HsmConfiguration | undefined;
}

/** Asks the server's own directory, as root over its socket; a directory that is away is its own error, not a guess. */
export async function askDirectory(config: DirectoryConfig, realm: string): Promise<DirectoryAnswers> {
  const directory = await openDirectory(config);
  try {
    const entry = await readCaEntry(directory, config.base);
    return { subjectBase: await subjectBaseOf(directory, config.base, realm), hsm: entry?.hsm };
  } finally {
    await directory.close();
  }
}

/**
 * ipaCertificateSubjectBase of the domain's configuration; installations before it was kept there have O=REALM
 * (ipaserver/install/dsinstance.py).
 */
async function subjectBaseOf(directory: Directory, base: string, realm: string): Promise<string> {
  const [entry] = await directory.search({ base: `cn=ipaConfig,cn=etc,${base}`, scope: 'base', attributes: ['ipaCertificateSubjectBase'] });
  const [found = ''] = textsOf(entry, 'ipaCertificateSubjectBase');
  return found.trim() === '' ? `O=${realm}` : found.trim();
}
