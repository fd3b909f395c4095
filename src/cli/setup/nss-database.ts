import { existsSync } from 'node:fs';
import { stateDirectory } from '../../config/directories.js';
import type { InstanceSite } from '../../config/instance.js';
import { accountOf } from '../../platform/service-user.js';
import { ensureStateDirectory } from '../../platform/state-directory.js';
import { askService } from '../../service/ask.js';

/** Makes the instance's NSS database where there is none; gives a sentence where it did. */
export async function makeDatabase(place: InstanceSite): Promise<string[]> {
  const { instance, directories } = place;
  const { database } = instance.nss;
  // Below the state directory the service user makes it; elsewhere it could not, and root hands it over.
  if (!existsSync(database) && !database.startsWith(`${stateDirectory(directories, instance)}/`))
    ensureStateDirectory(database, accountOf(instance.user));
  return (await askService(place, 'make NSS database', undefined)) ? [`made the NSS database ${database}`] : [];
}
