import { HsmongerError } from '../errors.js';
import type { Directory } from './directory.js';
import { textsOf } from './entry-values.js';
import { caEntryDn } from './tree.js';

/** Where the CA's keys are, for every server of the domain. */
export interface HsmConfiguration {
  /** Token label. */
  readonly token: string;
  /** Path of the PKCS#11 module on the server that was installed first. */
  readonly library: string;
}

export interface CaEntry {
  /** RFC 4514. */
  readonly subject?: string;
  readonly hsm?: HsmConfiguration;
}

/**
 * ipaCaHSMConfiguration, `token;library` (FreeIPA ipaserver/install/cainstance.py). FreeIPA allows no ';' in a token's name (ca.py), so the
 * first one ends it and a library's path may hold others; blanks around both are nobody's. DIRECTORY_INVALID otherwise.
 */
export function parseHsmConfiguration(value: string): HsmConfiguration {
  const end = value.indexOf(';');
  const token = value.slice(0, Math.max(end, 0)).trim();
  const library = value.slice(end + 1).trim();
  if (token === '' || library === '' || /\p{Cc}/u.test(value))
    throw new HsmongerError(
      'DIRECTORY_INVALID',
      `The directory's ipaCaHSMConfiguration is ${JSON.stringify(value)} and not TOKEN;LIBRARY; name token and library with --token and --module.`,
    );
  return { token, library };
}

/** The entry of FreeIPA's own CA; undefined where there is none. */
export async function readCaEntry(directory: Directory, base: string): Promise<CaEntry | undefined> {
  const [entry] = await directory.search({ base: caEntryDn(base), scope: 'base', attributes: ['ipaCaSubjectDN', 'ipaCaHSMConfiguration'] });
  if (entry === undefined) return undefined;
  const [subject] = textsOf(entry, 'ipaCaSubjectDN');
  const [hsm] = textsOf(entry, 'ipaCaHSMConfiguration');
  return { ...(subject === undefined ? {} : { subject }), ...(hsm === undefined ? {} : { hsm: parseHsmConfiguration(hsm) }) };
}
