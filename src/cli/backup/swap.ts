import { renameSync } from 'node:fs';
import { HsmongerError } from '../../errors.js';

export interface Swap {
  readonly from: string;
  readonly to: string;
  /** Where what is at `to` goes; absent where nothing is there. */
  readonly aside?: string;
}

/** Processes that began anew in the moment in between, one after the other. */
const mostTries = 5;

/**
 * Puts a directory in the place of another, which is kept. In between there is none: a process that starts in that moment makes an empty
 * one, and may put something into it, which goes aside too: what was restored takes its place all the same. Gives where such went. Where it
 * cannot take its place the other one is back there. STATE_BUSY where nothing was there to go aside and another process has begun since:
 * that is nobody's to replace who has not said so.
 */
export function swapDirectories({ from, to, aside }: Swap, rename: (from: string, to: string) => void = renameSync): string[] {
  const begun: string[] = [];
  if (aside !== undefined) rename(to, aside);
  const place = (directory: string) => {
    for (let tries = 1; ; tries++) {
      try {
        // Onto an empty one it goes by itself (rename(2)).
        rename(directory, to);
        return;
      } catch (error) {
        if (!taken.has((error as NodeJS.ErrnoException).code)) throw error;
        if (aside === undefined)
          throw new HsmongerError(
            'STATE_BUSY',
            `Another process has begun a state in ${to} meanwhile, so what was restored was not put there. Stop the agent and wait for renewals to end, run restore again, and name the instance with --replace.`,
            { cause: error },
          );
        if (tries > mostTries) throw error;
        const other = `${aside}-${String(begun.length + 2)}`;
        rename(to, other);
        begun.push(other);
      }
    }
  };
  try {
    place(from);
  } catch (error) {
    if (aside !== undefined) place(aside);
    throw error;
  }
  return begun;
}

const taken: ReadonlySet<string | undefined> = new Set(['ENOTEMPTY', 'EEXIST']);
