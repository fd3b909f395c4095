import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Account } from '../../src/platform/service-user.js';

/** What a test leaves running ends with the test process: when it exits, and when the one that runs the tests is killed. */
export function stopAtExit(child: ChildProcess): void {
  endWithRunner();
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
}

/**
 * The command line that also ends when this process is killed: by the kernel, once the thread that started it is gone. As `owner`, where
 * there is one: to become another clears the tie (prctl(2), PR_SET_PDEATHSIG), so whoever does the one does the other behind it.
 */
export function tied(program: string, args: readonly string[], owner?: Account): readonly [string, readonly string[]] {
  const become = owner === undefined ? [] : [`--reuid=${String(owner.uid)}`, `--regid=${String(owner.gid)}`, '--init-groups'];
  return ['setpriv', [...become, '--pdeathsig', 'KILL', program, ...args]];
}

let watching = false;

/**
 * A worker outlives the runner that was killed, and would go on with its test for as long as that takes. Its exit() is vitest's, so it is
 * killed too.
 */
function endWithRunner(): void {
  if (watching || process.send === undefined) return;
  watching = true;
  const runner = process.ppid;
  // The channel closes a moment before the parent is another one; where the runner only lets go of us, it stays.
  process.once('disconnect', () => {
    setInterval(() => {
      if (process.ppid !== runner) process.kill(process.pid, 'SIGKILL');
    }, 100).unref();
  });
}

/** Sends the signal and waits for the end; after 10 s SIGKILL. Done at once when it has ended already. */
export async function stopProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  const patience = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(patience);
}

/** Lets this process end without it. */
export function release(child: ChildProcess): void {
  child.unref();
  for (const stream of child.stdio) (stream as unknown as { unref?: () => void } | null)?.unref?.();
}
