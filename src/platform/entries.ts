import { readdirSync } from 'node:fs';

/** The names in a directory; none where it cannot be read: whoever works in it is told what is wrong with it. */
export function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
