import { existsSync, readFileSync } from 'node:fs';
import type { Selinux } from '../../../doctor/facts/files.js';
import { run } from '../../../platform/run.js';

const enforceFile = '/sys/fs/selinux/enforce';

/** What the files are labelled as, and what the policy labels them (matchpathcon, of libselinux-utils). */
export async function gatherSelinux(files: readonly string[], enforce = enforceFile): Promise<Selinux> {
  if (!existsSync(enforce)) return { enforcing: 'off' };
  const there = files.filter((file) => existsSync(file));
  const actual = await linesOf('stat', ['-c', '%C', '--', ...there]);
  const wanted = await linesOf('matchpathcon', ['-n', ...there]);
  return {
    enforcing: readFileSync(enforce, 'utf8').trim() === '1' ? 'yes' : 'no',
    contexts: there.map((file, at) => ({ file, actual: actual[at] ?? '', wanted: wanted[at] === '<<none>>' ? undefined : wanted[at] })),
  };
}

async function linesOf(program: string, args: readonly string[]): Promise<string[]> {
  return (await run(program, args)).stdout.split('\n');
}
