import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { compileLibrary } from './compile.js';

/** Has certmonger's children that make certificate requests crash, or take for ever, by a part of the name in the request. */
export interface FailingRequests {
  /** For certmonger. */
  readonly environment: Readonly<Record<string, string>>;
  crash(name: string): void;
  slow(name: string): void;
  /** All are made as they should be. */
  mend(): void;
}

export function buildFailingRequests(directory: string): FailingRequests {
  const [library, crash, slow] = [path.join(directory, 'failing-requests.so'), path.join(directory, 'crash'), path.join(directory, 'slow')];
  compileLibrary(library, path.join(import.meta.dirname, 'failing-requests.c'), { CRASH: crash, SLOW: slow });
  return {
    environment: { LD_PRELOAD: library },
    crash: (name) => {
      writeFileSync(crash, `${name}\n`);
    },
    slow: (name) => {
      writeFileSync(slow, `${name}\n`);
    },
    mend: () => {
      for (const file of [crash, slow]) rmSync(file, { force: true });
    },
  };
}
