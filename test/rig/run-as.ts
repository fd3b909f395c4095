import { geteuid } from 'node:process';
import { run, type RunOptions, type RunResult } from '../../src/platform/run.js';
import type { Account } from '../../src/platform/service-user.js';

/** Runs a program as `owner` with all the groups that account has; without an owner, or as that owner already, as we are. */
export async function runAs(
  owner: Account | undefined,
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  if (owner === undefined || owner.uid === geteuid?.()) return run(program, args, options);
  const become = [`--reuid=${String(owner.uid)}`, `--regid=${String(owner.gid)}`, '--init-groups', '--', program, ...args];
  return run('setpriv', become, { ...options, env: { HOME: owner.home, ...options.env } });
}
