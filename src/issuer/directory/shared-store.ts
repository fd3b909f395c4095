import type { DirectoryConfig } from '../../config/instance.js';
import { readCaCertificates } from '../../directory/ca-certificates.js';
import { readCaEntry } from '../../directory/ca-entry.js';
import type { Directory } from '../../directory/directory.js';
import { textsOf } from '../../directory/entry-values.js';
import { and, equals, present } from '../../directory/filter.js';
import { isOnlyRenewalMaster, isRenewalMaster, listServers } from '../../directory/servers.js';
import { publishShared, readShared, tidyShared, type Judge } from '../../directory/shared-certificates.js';
import { authoritiesDn } from '../../directory/tree.js';
import type { Certificate } from '../../x509/certificate.js';
import { sameName } from '../../x509/names/name.js';
import { nameFromText } from '../../x509/names/name-text.js';

/** What the servers of one CA share, as an enrolment sees it. Failures are the directory's. */
export interface SharedStore {
  /** The CA's subject, RFC 4514; undefined where the directory does not say. */
  caSubject(): Promise<string | undefined>;
  /** Whether this host is the one that renews. */
  isRenewalMaster(): Promise<boolean>;
  /** Whether any host is. */
  hasRenewalMaster(): Promise<boolean>;
  /** The hosts that are. */
  renewalMasters(): Promise<readonly string[]>;
  /** Everything published under a nickname, in no order, right or wrong. */
  read(nickname: string): Promise<readonly Certificate[]>;
  publish(nickname: string, certificate: Certificate, judge: Judge): Promise<'published' | 'already there' | 'newer there'>;
  /**
   * Leaves of everything under the nickname the one that counts; gives how many went: none while this host is not the only renewal master.
   */
  tidy(nickname: string, judge: Judge): Promise<number>;
  /**
   * Dogtag's id of the lightweight CA with this subject (DER Name); undefined where it has none. The host authority, Dogtag's own CA, is
   * none.
   */
  authorityId(subject: Uint8Array): Promise<string | undefined>;
  /** What the servers trust. */
  authorities(): Promise<readonly Certificate[]>;
  close(): Promise<void>;
}

export function createSharedStore(
  directory: Directory,
  { base, pkiBase, host }: Pick<DirectoryConfig, 'base' | 'pkiBase' | 'host'>,
): SharedStore {
  return {
    caSubject: async () => (await readCaEntry(directory, base))?.subject,
    isRenewalMaster: () => isRenewalMaster(directory, base, host),
    hasRenewalMaster: async () => (await listServers(directory, base)).some(({ renewalMaster }) => renewalMaster),
    renewalMasters: async () =>
      (await listServers(directory, base)).filter(({ renewalMaster }) => renewalMaster).map(({ host: master }) => master),
    read: (nickname) => readShared(directory, base, nickname),
    publish: (nickname, certificate, judge) => publishShared(directory, base, nickname, certificate, judge),
    tidy: async (nickname, judge) =>
      (await isOnlyRenewalMaster(directory, base, host)) ? tidyShared(directory, base, nickname, judge) : 0,
    authorityId: async (subject) => {
      const entries = await directory.search({
        base: authoritiesDn(pkiBase),
        scope: 'one',
        filter: and(equals('objectClass', 'authority'), present('authorityDN'), present('authorityParentID')),
        attributes: ['authorityDN', 'authorityID'],
      });
      return entries
        .filter((entry) => textsOf(entry, 'authorityDN').some((text) => isName(text, subject)))
        .flatMap((entry) => textsOf(entry, 'authorityID'))[0];
    },
    authorities: () => readCaCertificates(directory, base),
    close: () => directory.close(),
  };
}

function isName(text: string, subject: Uint8Array): boolean {
  try {
    return sameName(nameFromText(text), subject);
  } catch {
    return false;
  }
}
