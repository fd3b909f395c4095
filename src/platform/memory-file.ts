import {
  closeSync,
  existsSync,
  fsyncSync,
  fstatSync,
  openSync,
  constants,
  readFileSync,
  realpathSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';

/** statfs(2): what never reaches a disk, but for tmpfs where memory is swapped out. */
const inMemory: ReadonlySet<number> = new Set([0x01021994 /* TMPFS_MAGIC */, 0x858458f6 /* RAMFS_MAGIC */]);

/** Whether what is written below `directory`, which may not be there yet, stays in memory. */
export function staysInMemory(directory: string): boolean {
  const there = existsSync(directory) ? directory : path.dirname(directory);
  return inMemory.has(statfsSync(there).type);
}

/**
 * The swap devices of /proc/swaps that keep in clear what is swapped out. zram is memory itself; a dm-crypt mapping says so in its UUID.
 */
export function swapInClear(swaps = readFileSync('/proc/swaps', 'utf8'), mappingOf = mappingUuid): string[] {
  const devices = swaps
    .split('\n')
    .slice(1)
    .flatMap((line) => line.split(/\s/u, 1))
    .filter((device) => device !== '');
  return devices.filter((device) => !/\/zram\d+$/u.test(device) && mappingOf(device)?.startsWith('CRYPT-') !== true);
}

function mappingUuid(device: string): string | undefined {
  try {
    return readFileSync(`/sys/class/block/${path.basename(realpathSync(device))}/dm/uuid`, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Removes a file and overwrites what was in it. In this order: whoever opens it by its name meanwhile finds none, not a wrong PIN. False
 * where there is none. On a disk the overwriting promises nothing.
 */
export function wipeFile(file: string): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  try {
    rmSync(file, { force: true });
    const stats = fstatSync(descriptor);
    if (stats.isFile()) writeSync(descriptor, Buffer.alloc(stats.size), 0, stats.size, 0);
    fsyncSync(descriptor);
    return true;
  } finally {
    closeSync(descriptor);
  }
}
