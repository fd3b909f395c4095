import { spawn } from 'node:child_process';
import { chmodSync, closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installation } from '../../src/platform/installation.js';
import { compileLibrary } from './compile.js';

/** What is to happen at a step, counted from 1. */
export type Mishap =
  /** kill -9 of the command and all it started, right before the step or right after it. */
  | { readonly what: 'killed before' | 'killed after'; readonly at: number }
  /** From the step on there is no room for a file and for more in one, or only for more in one. */
  | { readonly what: 'disk full' | 'files full'; readonly at: number }
  /** From the step on every call to the module but C_Initialize and C_Finalize says CKR_DEVICE_REMOVED. */
  | { readonly what: 'removed'; readonly at: number }
  /** Right before the step the token is taken away, until the command ends. */
  | { readonly what: 'unplugged'; readonly at: number; readonly plug: Plug };

/** How a token is taken away and put back, where it is away. */
export interface Plug {
  pull(): void | Promise<void>;
  push(): void | Promise<void>;
}

export interface Ran {
  /** Undefined where it was killed. */
  readonly exitCode: number | undefined;
  readonly out: string;
  readonly err: string;
  /** "pkcs11 C_Sign", "create <file>", in order. "open" is of a file that would have been created, had it not been there. */
  readonly steps: readonly string[];
}

/**
 * Commands run with every step of theirs counted: calls to the PKCS#11 module, and files made, named, removed and synced below a directory.
 */
export interface Steps {
  /** Absolute path of the PKCS#11 module to name. */
  readonly module: string;
  run(argv: readonly string[], mishap?: Mishap): Promise<Ran>;
}

const codes = { 'killed before': 1, unplugged: 1, 'killed after': 2, 'disk full': 3, 'files full': 4, removed: 5 } as const;
const [halted, goOn] = [1, 2];

/**
 * `directory` holds the counter, which the command and its workers have before the C library; files are counted below `below`. Needs a
 * build.
 */
export function countSteps({
  directory,
  below,
  module: original,
}: {
  readonly directory: string;
  readonly below: string;
  readonly module: string;
}): Steps {
  const [module, counter] = ['step.so', 'steps'].map((name) => path.join(directory, name)) as [string, string];
  compileLibrary(module, path.join(import.meta.dirname, 'step-module.c'), {
    MODULE: original,
    SELF: module,
    STEPS: counter,
    BELOW: `${below}/`,
  });

  const begin = (mishap: Mishap | undefined) => {
    writeFileSync(counter, Buffer.from(Uint32Array.of(0, mishap?.at ?? 0, mishap === undefined ? 0 : codes[mishap.what], 0).buffer));
    writeFileSync(`${counter}.log`, '');
    for (const file of [counter, `${counter}.log`]) chmodSync(file, 0o666);
  };
  const isHalted = () => readFileSync(counter).readUInt32LE(12) === halted;
  const resume = () => {
    const file = openSync(counter, 'r+');
    writeSync(file, Buffer.from(Uint32Array.of(goOn).buffer), 0, 4, 12);
    closeSync(file);
  };

  return {
    module,
    async run(argv, mishap) {
      begin(mishap);
      const child = spawn(path.join(installation().executables, 'hsmonger'), argv, {
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LD_PRELOAD: module },
      });
      let [out, err] = ['', ''];
      child.stdout.on('data', (chunk: Buffer) => {
        out += chunk.toString();
      });
      child.stderr.on('data', (chunk: Buffer) => {
        err += chunk.toString();
      });
      const end = new Promise<number | undefined>((resolve) => {
        child.once('close', (code) => {
          resolve(code ?? undefined);
        });
      });
      const plug = mishap?.what === 'unplugged' ? mishap.plug : undefined;
      let halt = isHalted();
      while (!halt && (await Promise.race([end.then(() => 'ended' as const), sleep(5)])) !== 'ended') halt = isHalted();
      if (halt && plug !== undefined) {
        await plug.pull();
        resume();
      } else if (halt) process.kill(-child.pid!, 'SIGKILL');
      const exitCode = await end;
      await plug?.push();
      const steps = readFileSync(`${counter}.log`, 'utf8')
        .trim()
        .split('\n')
        .map((line) => line.replace(/^\d+ /u, ''));
      begin(undefined);
      return { exitCode, out, err, steps };
    },
  };
}
