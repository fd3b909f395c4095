import type { Instance } from '../config/instance.js';
import type { Storage } from '../../dbus/tracking-request.js';

/**
 * Whether a request keeps its certificate where ours for `nickname` does: certmonger's notion (type, location, nickname; the token
 * does not count, tdbush.c:649), but blind to how the database is spelled, which certmonger is not.
 */
export function isOurPlace(storage: Storage, instance: Pick<Instance, 'nss'>, nickname: string): boolean {
  return storage.type === 'NSSDB' && storage.database !== undefined && directoryOf(storage.database) === directoryOf(instance.nss.database) && storage.nickname === nickname;
}

/** A database's location as we send it. */
export function databaseLocation(instance: Pick<Instance, 'nss'>): string {
  return `sql:${instance.nss.database}`;
}

function directoryOf(location: string): string {
  return location.replace(/^sql:/u, '').replace(/(?<=.)\/+$/u, '');
}
