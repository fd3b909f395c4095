import { spawn, spawnSync, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { HsmongerError, sentenceOf } from '../errors.js';

/**
 * flock(2), which node lacks, by util-linux's program: the lock belongs to the open file description, which the child shares
 * with us, so it stays when the child has ended and goes when we close the file or release it.
 */
const program = '/usr/bin/flock';
const stdio = (descriptor: number): StdioOptions => ['ignore', 'ignore', 'ignore', descriptor];
const take = (seconds: number) => ['-x', '-w', String(seconds), '3'];

/** False when another process still has the lock after `seconds`. COMMAND_FAILED when it cannot be asked for. */
export async function exclusiveFlock(descriptor: number, seconds: number): Promise<boolean> {
  return (await flock(descriptor, take(seconds), seconds)) === 0;
}

/** The same, while nothing else runs: for a process that is ending. */
export function exclusiveFlockNow(descriptor: number, seconds: number): boolean {
  return (
    spawnSync(program, take(seconds), { stdio: stdio(descriptor), env: {}, timeout: (seconds + 5) * 1000, killSignal: 'SIGKILL' })
      .status === 0
  );
}

export async function releaseFlock(descriptor: number): Promise<void> {
  await flock(descriptor, ['-u', '3'], 0);
}

export function releaseFlockNow(descriptor: number): void {
  spawnSync(program, ['-u', '3'], { stdio: stdio(descriptor), env: {}, timeout: 5000, killSignal: 'SIGKILL' });
}

/**
 * Runs `work` while no other process has the lock on `file`, which is made where it is missing; throws `busy` where another has it for
 * `seconds`. The lock ends with its process.
 */
export async function holdingFlock<T>(file: string, seconds: number, busy: HsmongerError, work: () => Promise<T>): Promise<T> {
  const descriptor = openSync(file, 'a', 0o600);
  try {
    if (!(await exclusiveFlock(descriptor, seconds))) throw busy;
    return await work();
  } finally {
    closeSync(descriptor);
  }
}

async function flock(descriptor: number, args: readonly string[], seconds: number): Promise<number> {
  try {
    const child = spawn(program, args, { stdio: stdio(descriptor), env: {}, timeout: (seconds + 5) * 1000, killSignal: 'SIGKILL' });
    const [code] = (await once(child, 'exit')) as [number | null];
    // 1 is the conflict (flock(1)); anything else never took the lock.
    if (code === 0 || code === 1) return code;
    throw new Error(code === null ? 'it gave no answer' : `exit ${String(code)}`);
  } catch (error) {
    throw new HsmongerError('COMMAND_FAILED', `${program} ${args.join(' ')} failed: ${sentenceOf(error)}; it belongs to util-linux.`, {
      cause: error,
    });
  }
}
