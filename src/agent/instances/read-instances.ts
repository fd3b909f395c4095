import { isDeepStrictEqual } from 'node:util';
import type { Directories, Instance } from '../../config/instance.js';
import { instanceFile, instanceNames, loadInstance } from '../../config/load.js';
import { asHsmongerError, HsmongerError } from '../../errors.js';

/** The instance files as they are now. */
export interface InstancesRead {
  readonly good: ReadonlyMap<string, Instance>;
  /** Why they cannot be used, by name. */
  readonly broken: ReadonlyMap<string, HsmongerError>;
}

/** `only`: this instance alone. CONFIG_NOT_FOUND where the directory cannot be listed. */
export function readInstances(directories: Directories, only: string | undefined): InstancesRead {
  const good = new Map<string, Instance>();
  const broken = new Map<string, HsmongerError>();
  const names = only === undefined ? instanceNames(directories) : [only];
  for (const name of names) {
    try {
      good.set(name, loadInstance(directories, name));
    } catch (error) {
      broken.set(name, asHsmongerError(error));
    }
  }
  return { good, broken };
}

/** With nothing at all to look after the agent does not start: CONFIG_NOT_FOUND, or what is wrong with the first file. */
export function atLeastOne({ good, broken }: InstancesRead, directories: Directories): void {
  if (good.size > 0) return;
  for (const error of broken.values()) throw error;
  throw new HsmongerError(
    'CONFIG_NOT_FOUND',
    `There is no instance file in ${directories.config}, so the agent has nothing to look after; make one with 'hsmonger setup', then start the agent again.`,
  );
}

export interface ReloadPlan {
  /** Names of those not looked after any more as they were: their file is gone, or another now. */
  readonly stop: readonly string[];
  readonly start: readonly Instance[];
  /** Whole sentences on files that cannot be used. */
  readonly complaints: readonly string[];
}

/** From what is looked after to what the files say: what did not change goes on, and a broken file leaves its old version in force. */
export function planReload(
  supervised: ReadonlyMap<string, Instance>,
  { good, broken }: InstancesRead,
  directories: Directories,
): ReloadPlan {
  const removed = [...supervised.keys()].filter((name) => !good.has(name) && !broken.has(name));
  const changed = [...good.values()].filter((instance) => !isDeepStrictEqual(supervised.get(instance.name), instance));
  const complaints = [...broken].map(([name, { message }]) =>
    supervised.has(name)
      ? `${message} Until it is mended and the agent reloaded, ${instanceFile(directories, name)} counts as it was.`
      : `${message} Until it is mended and the agent reloaded, nobody looks after '${name}'.`,
  );
  return { stop: [...removed, ...changed.map(({ name }) => name).filter((name) => supervised.has(name))], start: changed, complaints };
}
