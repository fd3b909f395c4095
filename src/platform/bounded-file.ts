import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/**
 * What is in a plain file of at most `most` octets; to be wiped by who reads secrets. Never waits for a FIFO or a device that somebody has
 * put there, and reads no more even while the file grows. Failures are node's own errors, and one that says what the file is not.
 */
export function readBoundedFile(file: string, most: number, flags = 0): Buffer {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | flags);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile() || stats.size > most) throw new Error(`it is no plain file of at most ${String(most)} octets`);
    const content = Buffer.alloc(stats.size);
    return content.subarray(0, readSync(descriptor, content, 0, content.length, 0));
  } finally {
    closeSync(descriptor);
  }
}
