import { closeSync, linkSync, openSync, renameSync, rmSync } from 'node:fs';

/**
 * What a file system says that has no second names for a file, as on a stick by which requests are carried to an offline CA: vfat, exfat,
 * some of FUSE. libuv's word for EOPNOTSUPP is ENOTSUP.
 */
const noLinks: ReadonlySet<string | undefined> = new Set(['EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK']);

/**
 * Gives a finished file its name, which nothing has yet: EEXIST otherwise. `aside`, in the same directory, may stay, as a second name.
 * Errors are the system's.
 */
export function placeNew(aside: string, file: string): void {
  try {
    // Unlike rename(2), link(2) never takes the place of a file that is there.
    linkSync(aside, file);
  } catch (error) {
    if (!noLinks.has((error as NodeJS.ErrnoException).code)) throw error;
    closeSync(openSync(file, 'wx'));
    try {
      renameSync(aside, file);
    } catch (fault) {
      // Empty, and ours.
      rmSync(file, { force: true });
      throw fault;
    }
  }
}
