import { readFileSync } from 'node:fs';
import { HsmongerError } from '../../../errors.js';
import type { ServiceContext } from '../../context.js';

/**
 * C_SetPIN from the instance's PIN to the one in the file `to`. Whoever asked may have been killed meanwhile, and the next run may have
 * decided otherwise already: `asked` is its process id, and once that one is gone nothing is changed any more.
 */
export async function changeTokenPin(
  { openToken }: Pick<ServiceContext, 'openToken'>,
  { to, asked }: { readonly to: string; readonly asked: number },
): Promise<undefined> {
  const token = await openToken({ access: 'write' });
  await token.changePin({ from: 'file', path: to }, () => {
    // runuser(1) may stand in between.
    if (process.ppid !== asked && parentOf(process.ppid) !== asked)
      throw new HsmongerError('PIN_NOT_CHANGED', 'Who asked for the new PIN has ended, so the token was not given one.');
  });
  return undefined;
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(/^PPid:\s+(?<pid>\d+)$/mu.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.groups?.['pid']);
  } catch {
    return undefined;
  }
}
