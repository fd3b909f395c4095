import { existsSync } from 'node:fs';
import path from 'node:path';
import { findModules } from '../../pkcs11/module/vendors.js';

/** Dogtag's instances: pki-tomcat is pkispawn's and FreeIPA's default. */
const databases = ['/etc/pki/pki-tomcat/alias'];

/** The vendors' libraries on this machine that could be loaded; only a start for the question, never taken unasked when there are two. */
export function moduleCandidates(): string[] {
  return findModules()
    .filter(({ problem, onlyByName }) => problem === undefined && onlyByName !== true)
    .map(({ path: file }) => file);
}

/** NSS databases in sql format. */
export function databaseCandidates(exists: (file: string) => boolean = existsSync): string[] {
  return databases.filter((directory) => exists(path.join(directory, 'cert9.db')));
}

/** The PIN file setup looks for when none is named. */
export function pinFileCandidates(config: string, instance: string, exists: (file: string) => boolean = existsSync): string[] {
  return [path.join(config, `${instance}.pin`)].filter(exists);
}
