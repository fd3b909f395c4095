import { existsSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { stateDirectory } from '../config/directories.js';
import type { Directories, Instance, InstanceSite } from '../config/instance.js';
import { askService } from '../service/ask.js';

export function stateExists({
  directories,
  instance,
}: {
  readonly directories: Directories;
  readonly instance: Pick<Instance, 'name'>;
}): boolean {
  return existsSync(stateDirectory(directories, instance));
}

/** Removes the instance's state directory: its contents as the service user (design rule 6), then the empty directory as root. */
export async function removeState(place: InstanceSite): Promise<void> {
  await askService(place, 'empty state', undefined);
  const directory = stateDirectory(place.directories, place.instance);
  rmdirSync(directory);
  try {
    rmdirSync(path.dirname(directory));
  } catch (error) {
    // Other instances have theirs in it.
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
  }
}
