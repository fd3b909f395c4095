import { existsSync, readFileSync } from 'node:fs';
import type { Context, Selinux } from '../../../doctor/facts/files.js';
import { run } from '../../../platform/run.js';

const enforceFile = '/sys/fs/selinux/enforce';

/**
 * What the files are labelled as (stat), and what the policy labels them (matchpathcon, of libselinux-utils). `enforce`: where the kernel
 * says whether it is on.
 */
export async function gatherSelinux(files: readonly string[], enforce = enforceFile): Promise<Selinux> {
  if (!existsSync(enforce)) return { enforcing: 'off' };
  const there = files.filter((file) => existsSync(file));
  const actual = await run('stat', ['-c', '%C', '--', ...there]);
  const wanted = await run('matchpathcon', ['-n', ...there]);
  return {
    enforcing: readFileSync(enforce, 'utf8').trim() === '1' ? 'yes' : 'no',
    contexts: contextsOf(there, actual.stdout, wanted.stdout),
  };
}

/** One line for each file in both outputs; '<<none>>' is a file the policy says nothing about. */
export function contextsOf(files: readonly string[], actual: string, wanted: string): Context[] {
  const [is, should] = [actual.split('\n'), wanted.split('\n')];
  return files.map((file, at) => ({ file, actual: is[at] ?? '', wanted: should[at] === '<<none>>' ? undefined : should[at] }));
}
