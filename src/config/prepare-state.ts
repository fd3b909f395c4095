import { runningAsRoot, type Account } from '../platform/service-user.js';
import { ensureStateDirectory } from '../platform/state-directory.js';
import { nameByFlags, pinsDirectory, stateDirectory } from './directories.js';
import type { Directories, Instance } from './instance.js';

/** Makes what an instance keeps its state in, before the drop to the service user; STATE_UNAVAILABLE when it cannot. */
export function prepareState(directories: Directories, instance: Pick<Instance, 'name' | 'user'>, account: Account): void {
  ensureStateDirectory(stateDirectory(directories, instance), account);
  ensureStateDirectory(pinsDirectory(directories, instance), account);
  // The service user may look at tokens by flags later, and can make no directory beside this one itself.
  if (runningAsRoot()) ensureStateDirectory(stateDirectory(directories, { name: nameByFlags(instance.user) }), account);
}
