import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface PrivateDirectory {
  readonly path: string;
  /** Removes it with all it holds; again does nothing. */
  remove(): void;
}

/** A new directory under the temporary directory, 0755: the service user must be able to enter. */
export function privateDirectory(prefix = 'hsmonger'): PrivateDirectory {
  const directory = mkdtempSync(path.join(tmpdir(), `${prefix}-`));
  chmodSync(directory, 0o755);
  return {
    path: directory,
    remove: () => {
      for (let left = 50; ; left--) {
        try {
          rmSync(directory, { recursive: true, force: true });
          return;
        } catch (error) {
          // A command certmonger started may still be writing.
          if (left === 0) throw error;
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
        }
      }
    },
  };
}
