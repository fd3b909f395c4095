import { geteuid } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, type RunOptions, type RunResult } from '../../src/platform/run.js';
import type { Account } from '../../src/platform/service-user.js';

/**
 * Runs a program as `owner` with all the groups that account has; without an owner, or as that owner already, as we are. A witness that
 * sees no token, where it asks for one, looks again for a moment: SoftHSM rewrites the token's file at every login of anybody's, and who
 * looks in between sees none.
 */
export async function runAs(
  owner: Account | undefined,
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  for (let left = 10; ; left--) {
    try {
      const result = await runOnce(owner, program, args, options);
      if (left === 0 || !seesNoToken(program, args, result.stdout + result.stderr)) return result;
    } catch (error) {
      if (left === 0 || !(error instanceof Error) || !seesNoToken(program, args, error.message)) throw error;
    }
    await sleep(100);
  }
}

function runOnce(owner: Account | undefined, program: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  if (owner === undefined || owner.uid === geteuid?.()) return run(program, args, options);
  const become = [`--reuid=${String(owner.uid)}`, `--regid=${String(owner.gid)}`, '--init-groups', '--', program, ...args];
  return run('setpriv', become, { ...options, env: { HOME: owner.home, ...options.env } });
}

function seesNoToken(program: string, args: readonly string[], said: string): boolean {
  switch (program) {
    case 'pkcs11-tool':
      return said.includes('No slot with token named');
    case 'certutil':
      // It says nothing of it: it lists nothing below a header of two lines, or does not find the one that is asked for.
      return (
        args.includes('-h') && (/^\s*(?:Certificate Nickname[^\n]*\n[^\n]*\n\s*)?$/u.test(said) || said.includes('Could not find cert:'))
      );
    default:
      return false;
  }
}
