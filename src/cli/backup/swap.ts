import { renameSync } from 'node:fs';

export interface Swap {
  readonly from: string;
  readonly to: string;
  /** Where what is at `to` goes; absent where nothing is there. */
  readonly aside?: string;
}

/** Processes that began anew in the moment in between, one after the other. */
const mostTries = 5;

/**
 * Puts a directory in the place of another, which is kept. In between there is none: a process that starts in that moment makes an empty one, and may put something into it, which goes aside too: what was
 * restored takes its place all the same. Gives where such went. Where it cannot take its place the other one is back there.
 */
export function swapDirectories({ from, to, aside }: Swap, rename: (from: string, to: string) => void = renameSync): string[] {
  const begun: string[] = [];
  if (aside !== undefined) rename(to, aside);
  for (let tries = 2; ; tries++) {
    try {
      // Onto an empty one it goes by itself (rename(2)).
      rename(from, to);
      return begun;
    } catch (error) {
      if (aside === undefined) throw error;
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '') || tries > mostTries) {
        rename(aside, to);
        throw error;
      }
      const other = `${aside}-${String(tries)}`;
      rename(to, other);
      begun.push(other);
    }
  }
}
