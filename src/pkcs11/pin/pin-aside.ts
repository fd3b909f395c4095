import { linkSync, lstatSync, renameSync, unlinkSync, type BigIntStats } from 'node:fs';
import path from 'node:path';
import { sentenceOf } from '../../errors.js';
import { distrustOf } from '../../platform/trusted-path.js';
import { pinFileIdentity } from './pin-source.js';
import type { PinSourceIdentity } from '../token.js';

/** 'changed': another file is there by now, unjudged. 'gone': none; another instance that shares it may have been quicker. */
export type Aside =
  | { readonly result: 'moved'; readonly to: string }
  | { readonly result: 'changed' | 'gone' }
  | { readonly result: 'unsafe' | 'failed'; readonly problem: string };

/** Where a PIN file that proved bad goes. */
export function asideName(file: string): string {
  return `${file}.refused`;
}

/** As the PIN's own processes know it; undefined where there is no such file, or a link. */
export function pinFileNow(file: string): PinSourceIdentity | undefined {
  const stats = lstatSync(file, { bigint: true, throwIfNoEntry: false });
  return stats?.isFile() === true ? pinFileIdentity(stats) : undefined;
}

/**
 * Moves the very file that was judged out of certmonger's way, owner and mode kept; one that was moved before is replaced. Only where
 * nobody but root and the user this runs as can change what the path names: else somebody could have root rename another file.
 */
export function movePinAside(file: string, judged: PinSourceIdentity): Aside {
  try {
    const stats = lstatSync(file, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) return { result: 'gone' };
    if (!stats.isFile()) return { result: 'unsafe', problem: `The PIN file ${file} is no regular file, so it is not moved aside.` };
    if (pinFileIdentity(stats) !== judged) return { result: 'changed' };
    const distrust = distrustOf(path.dirname(file), process.geteuid?.());
    if (distrust !== undefined)
      return {
        result: 'unsafe',
        problem: `The PIN file ${file} is not moved aside, for others could make that another file: ${distrust}.`,
      };
    const to = asideName(file);
    renameSync(file, to);
    return sameFile(stats, lstatSync(to, { bigint: true })) ? { result: 'moved', to } : putBack(file, to);
  } catch (error) {
    return { result: 'failed', problem: `The PIN file ${file}, which proved bad, could not be moved aside: ${sentenceOf(error)}.` };
  }
}

/** Somebody wrote a new one in that very moment. link() replaces nothing, should there be a still newer one. */
function putBack(file: string, to: string): Aside {
  linkSync(to, file);
  unlinkSync(to);
  return { result: 'changed' };
}

/** A rename changes a file's ctime, not these. */
function sameFile(one: BigIntStats, other: BigIntStats): boolean {
  return one.dev === other.dev && one.ino === other.ino && one.size === other.size && one.mtimeNs === other.mtimeNs;
}
