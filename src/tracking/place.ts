import path from 'node:path';
import type { CertificateConfig, Instance } from '../config/instance.js';
import type { Storage } from '../../dbus/tracking-request.js';

/**
 * Whether a request keeps its certificate where ours does: certmonger's notion (type, location, nickname; the token does not count,
 * tdbush.c:649), but blind to how the place is spelled, which certmonger is not: FreeIPA's requests name databases without `sql:`.
 */
export function isOurPlace(
  storage: Storage,
  { nss }: Pick<Instance, 'nss'>,
  certificate: Pick<CertificateConfig, 'nickname' | 'storage'>,
): boolean {
  switch (certificate.storage.kind) {
    case 'token':
    case 'internal':
      return storage.type === 'NSSDB' && samePlace(storage.database, nss.database) && storage.nickname === certificate.nickname;
    case 'file':
      return storage.type === 'FILE' && samePlace(storage.file, certificate.storage.certificate);
  }
}

/** What a place is known by, the same for all spellings; for looking up many. undefined where it is none of those. */
export function placeKey({ type, database, file, nickname }: Storage): string | undefined {
  if (type === 'NSSDB') return database === undefined || nickname === undefined ? undefined : inDatabase(database, nickname);
  return type === 'FILE' && file !== undefined ? plain(file) : undefined;
}

/** Equal to `placeKey` of exactly those requests that isOurPlace holds for. */
export function placeKeyOf({ nss }: Pick<Instance, 'nss'>, { nickname, storage }: Pick<CertificateConfig, 'nickname' | 'storage'>): string {
  return storage.kind === 'file' ? plain(storage.certificate) : inDatabase(nss.database, nickname);
}

function inDatabase(database: string, nickname: string): string {
  return `${plain(database)}\0${nickname}`;
}

/**
 * A database's location as we send it: without `sql:` on an IPA server, whose tools look requests up by that very text
 * (ipalib/install/certmonger.py).
 */
export function databaseLocation({ nss, freeipa }: Pick<Instance, 'nss' | 'freeipa'>): string {
  return freeipa === undefined ? `sql:${nss.database}` : nss.database;
}

/** Whether two locations are one file or database, `sql:` or not; dbm: and the like are other databases. */
export function samePlace(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && plain(one) === plain(other);
}

function plain(location: string): string {
  return path.posix.normalize(location.replace(/^sql:/u, '')).replace(/(?<=.)\/+$/u, '');
}
