import { lstatSync } from 'node:fs';
import type { PinFileFacts } from '../../../pkcs11/pin/pin-source.js';

/** A secret's file as root sees it; undefined where there is none. A link is not followed: it is no regular file. */
export function secretFileFacts(file: string): PinFileFacts | undefined {
  const stats = lstatSync(file, { throwIfNoEntry: false });
  return stats === undefined ? undefined : { regular: stats.isFile(), size: stats.size, uid: stats.uid, gid: stats.gid, mode: stats.mode };
}
