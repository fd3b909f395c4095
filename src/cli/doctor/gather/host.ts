import { statfs } from 'node:fs/promises';
import { stateDirectory } from '../../../config/directories.js';
import type { Disk, HostFacts } from '../../../doctor/facts/host.js';
import type { Gathering } from './gathering.js';

/** Where renewals write. */
export async function gatherHost({ place: { instance, directories } }: Pick<Gathering, 'place'>): Promise<HostFacts> {
  const places = [
    ['the state of this instance', stateDirectory(directories, instance)],
    ['the NSS database', instance.nss.database],
    ["certmonger's requests", '/var/lib/certmonger'],
    ['what runs', '/run'],
  ] as const;
  const disks = await Promise.all(places.map(async ([of, directory]) => diskOf(of, directory)));
  return { disks: disks.flatMap((disk) => (disk === undefined ? [] : [disk])) };
}

/** Undefined of a directory that is not there: others say so. */
async function diskOf(of: string, directory: string): Promise<Disk | undefined> {
  try {
    const { bsize, blocks, bavail, files, ffree } = await statfs(directory);
    // btrfs counts no inodes.
    return { of, directory, freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeInodes: files === 0 ? undefined : ffree };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
