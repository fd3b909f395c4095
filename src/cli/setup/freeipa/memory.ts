import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Directories } from '../../../config/instance.js';
import { HsmongerError, sentenceOf } from '../../../errors.js';
import { distrustOf } from '../../../platform/trusted-path.js';
import type { TakenOver } from '../../../tracking/taken-over.js';
import { writeInstanceFile } from '../write-instance.js';

/**
 * Beside the instance file, root's, not in the service user's state: the command lines in it go back to certmonger, which runs them as
 * root, so whoever can write it is root (design rule 6).
 */
export function takenOverFile(directories: Directories, instance: string): string {
  return path.join(directories.config, `${instance}.taken-over.json`);
}

/** undefined where nothing was taken over; CONFIG_UNSAFE where others could have written it. */
export function readTakenOver(directories: Directories, instance: string): TakenOver | undefined {
  const file = takenOverFile(directories, instance);
  if (!existsSync(file)) return undefined;
  const distrust = distrustOf(file);
  if (distrust !== undefined)
    throw new HsmongerError(
      'CONFIG_UNSAFE',
      `Refusing ${file}: ${distrust}. Its command lines go back to certmonger, which runs them as root; chown root and chmod go-w what is named.`,
    );
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as TakenOver;
  } catch (error) {
    throw new HsmongerError(
      'STATE_UNAVAILABLE',
      `Cannot read ${file}, which says how to give certmonger's requests back: ${sentenceOf(error)}.`,
      { cause: error },
    );
  }
}

/** On the disk before it returns. */
export function writeTakenOver(directories: Directories, instance: string, memory: TakenOver): void {
  writeInstanceFile(takenOverFile(directories, instance), `${JSON.stringify(memory)}\n`);
}

export function forgetTakenOver(directories: Directories, instance: string): void {
  rmSync(takenOverFile(directories, instance), { force: true });
}
