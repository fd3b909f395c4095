import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { compileLibrary } from './compile.js';

/** The token's module behind one that counts sessions and loses them when it is told to, in whatever process. */
export interface SessionModule {
  /** Absolute path of the module. */
  readonly module: string;
  /** What was seen since this was asked last. */
  seen(): {
    readonly logins: number;
    /** Most sessions open, and most signatures being made, at a time. */
    readonly mostOpen: number;
    readonly mostSigning: number;
    readonly signatures: number;
    readonly lost: number;
  };
  /** So many signatures from now on fail with CKR_SESSION_HANDLE_INVALID. */
  lose(signatures: number): void;
}

export function createSessionModule(directory: string, module: string): SessionModule {
  const [file, told, lost] = ['session-module.so', 'session-module.told', 'session-module.lost'].map((name) =>
    path.join(directory, name),
  ) as [string, string, string];
  for (const one of [told, lost]) {
    writeFileSync(one, '');
    chmodSync(one, 0o666);
  }
  compileLibrary(file, path.join(import.meta.dirname, 'session-module.c'), { MODULE: module, TOLD: told, LOST: lost });
  return {
    module: file,
    seen: () => {
      const counts = (what: string) =>
        [...readFileSync(told, 'utf8').matchAll(new RegExp(`^${what} (\\d+)$`, 'gmu'))].map(([, n]) => Number(n));
      const answer = {
        logins: counts('login').length,
        mostOpen: Math.max(0, ...counts('open')),
        mostSigning: Math.max(0, ...counts('sign'), ...counts('lost')),
        signatures: counts('sign').length,
        lost: counts('lost').length,
      };
      writeFileSync(told, '');
      return answer;
    },
    lose: (signatures) => {
      writeFileSync(lost, 'x'.repeat(signatures));
    },
  };
}
