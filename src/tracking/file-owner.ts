import { run } from '../platform/run.js';

/** The user or group of `user[:group]` that this machine does not have, as "user 'x'"; undefined when it has both. */
export async function strangerIn(owner: string): Promise<string | undefined> {
  const [user = '', group] = owner.split(':');
  const names = [['passwd', 'user', user], ...(group === undefined ? [] : [['group', 'group', group] as const])] as const;
  for (const [database, what, name] of names) {
    // 2: not found (getent(1)); users of a directory service are seen as well.
    const { exitCode } = await run('getent', [database, name], { okExitCodes: [0, 2] });
    if (exitCode !== 0) return `${what} '${name}'`;
  }
  return undefined;
}
