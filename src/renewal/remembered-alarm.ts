import type { Instance } from '../config/instance.js';
import { masterAlarm, sameHost } from '../directory/master-alarm.js';
import type { Database } from '../ledger/database.js';
import { findSighting } from '../ledger/master-sightings.js';

/** The alarm about the renewal master by what looks from here have left in the ledger: the helper has no time to look for it itself. */
export async function rememberedAlarm(
  instance: Pick<Instance, 'name' | 'directory' | 'freeipa'>,
  store: { renewalMasters(): Promise<readonly string[]> },
  ledger: Database,
  now: Date,
): Promise<string | undefined> {
  if (instance.directory === undefined) return undefined;
  const { host } = instance.directory;
  const masters = await store.renewalMasters();
  const [master] = masters;
  const sighting = master === undefined || sameHost(master, host) ? undefined : findSighting(ledger, master);
  return masterAlarm(now, {
    instance: instance.name,
    host,
    masters,
    goneDays: instance.freeipa?.masterGoneDays ?? defaultGoneDays,
    ...(sighting === undefined ? {} : { sighting }),
  });
}

/** Where there is no [freeipa] to say (config/schema.ts). */
export const defaultGoneDays = 7;
