import type { Directories, Instance } from '../../config/instance.js';
import { sentenceOf } from '../../errors.js';
import type { InstanceSupervisor } from './instance-supervisor.js';
import { within } from '../timing/within.js';
import type { Log } from '../log.js';
import { atLeastOne, planReload, readInstances } from './read-instances.js';

export interface InstanceManagerGiven {
  readonly directories: Directories;
  /** This instance alone. */
  readonly only: string | undefined;
  readonly log: Log;
  readonly start: (instance: Instance) => Promise<InstanceSupervisor>;
  /** One has ended. */
  readonly ended: (supervisor: InstanceSupervisor) => void;
}

/** Starts and stops a supervisor for each instance file, as they were last read. */
export interface InstanceManager {
  readonly supervisors: () => readonly InstanceSupervisor[];
  readonly instances: () => readonly Instance[];
  /** Reads the files and starts, restarts and stops what differs. The first time it throws where there is nothing to look after. */
  read(): Promise<void>;
  stop(): Promise<void>;
}

/** Milliseconds for parts to end: their children are killed after two seconds. */
const patienceMs = 10_000;

export function createInstanceManager({ directories, only, log, start, ended }: InstanceManagerGiven): InstanceManager {
  const supervisors = new Map<string, InstanceSupervisor>();
  /** All that shall be looked after, from before the first of them is started. */
  let instances = new Map<string, Instance>();
  let first = true;

  const stopOne = async (name: string) => {
    const supervisor = supervisors.get(name);
    if (supervisor === undefined) return;
    supervisors.delete(name);
    if (!(await within(patienceMs, supervisor.stop())))
      log('warning', `What looked after '${name}' did not end within ${String(patienceMs / 1000)} s and was left behind.`);
    ended(supervisor);
  };
  const startOne = async (instance: Instance) => {
    try {
      supervisors.set(instance.name, await start(instance));
    } catch (error) {
      instances.delete(instance.name);
      log('error', `'${instance.name}' cannot be looked after: ${sentenceOf(error)}`);
    }
  };

  return {
    supervisors: () => [...instances.keys()].flatMap((name) => supervisors.get(name) ?? []),
    instances: () => [...instances.values()],
    async read() {
      const found = readInstances(directories, only);
      if (first) atLeastOne(found, directories);
      first = false;
      const { stop, start: starting, complaints } = planReload(instances, found, directories);
      for (const complaint of complaints) log('error', complaint);
      await Promise.all(stop.map(stopOne));
      for (const name of stop) instances.delete(name);
      instances = new Map(
        [...instances, ...starting.map((instance) => [instance.name, instance] as const)].sort(([one], [other]) => (one < other ? -1 : 1)),
      );
      await Promise.all(starting.map(startOne));
    },
    stop: async () => {
      await Promise.all([...supervisors.keys()].map(stopOne));
    },
  };
}
