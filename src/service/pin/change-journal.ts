import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import type { Directories } from '../../config/instance.js';
import { HsmongerError } from '../../errors.js';
import { writeDurably } from '../../platform/durable-file.js';
import { holdingFlock } from '../../platform/flock.js';

/** A change of a token's PIN that is under way or was interrupted. Root's; holds no PIN. */
export interface PinChange {
  /** Through whose token. */
  readonly instance: string;
  /** One of its further tokens, by the name of [tokens.NAME]. */
  readonly on?: string;
  /**
   * prepared: the token's PIN is the old one, for certain. changing: it may be either. changed: the new one has been proven.
   */
  readonly step: 'prepared' | 'changing' | 'changed';
  /** Real paths of the PIN files, the instance's own first. */
  readonly files: readonly string[];
}

const schema = v.strictObject({
  instance: v.string(),
  on: v.exactOptional(v.string()),
  step: v.picklist(['prepared', 'changing', 'changed']),
  files: v.array(v.string()),
});

/** Beside the instances' own directories, none of which begins with a dot. */
const directoryOf = ({ state }: Directories) => path.join(state, '.pin-changes');
const fileOf = (directories: Directories, instance: string) => path.join(directoryOf(directories), `${instance}.json`);

export function writePinChange(directories: Directories, change: PinChange): void {
  writeDurably(fileOf(directories, change.instance), JSON.stringify(change));
}

export function forgetPinChange(directories: Directories, { instance }: Pick<PinChange, 'instance'>): void {
  rmSync(fileOf(directories, instance), { force: true });
}

/** Those that are under way or were interrupted; empty almost always. */
export function pinChanges(directories: Directories): PinChange[] {
  let entries: string[];
  try {
    entries = readdirSync(directoryOf(directories));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return entries
    .filter((entry) => entry.endsWith('.json') && !entry.startsWith('.'))
    .map((entry) => v.parse(schema, JSON.parse(readFileSync(path.join(directoryOf(directories), entry), 'utf8'))));
}

/**
 * Runs `work` while no other process changes a PIN or finishes a change; STATE_BUSY at once where one does. The lock ends with its process.
 */
export async function changingPins<T>(directories: Directories, work: () => Promise<T>): Promise<T> {
  mkdirSync(directoryOf(directories), { recursive: true, mode: 0o700 });
  const busy = new HsmongerError(
    'STATE_BUSY',
    'Another hsmonger process is changing the PIN of a token; wait until it has ended, then run this again.',
  );
  return holdingFlock(path.join(directoryOf(directories), 'lock'), 0, busy, work);
}
