import type { Owner } from '../../../doctor/facts/files.js';
import { run } from '../../../platform/run.js';

/** `user[:group]` as numbers, by the system's user database. */
export async function ownerNamed(text: string): Promise<Owner> {
  const [user = '', group] = text.split(':');
  const uid = await idOf('passwd', user);
  return { text, uid, ...(group === undefined ? {} : { gid: await idOf('group', group) }) };
}

async function idOf(database: 'passwd' | 'group', name: string): Promise<number | undefined> {
  // 2: not found (getent(1)).
  const { exitCode, stdout } = await run('getent', [database, name], { okExitCodes: [0, 2] });
  const id = exitCode === 0 ? stdout.split(':')[2] : undefined;
  return id === undefined ? undefined : Number(id);
}
