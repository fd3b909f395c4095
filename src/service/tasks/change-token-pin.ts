import { HsmongerError } from '../../errors.js';
import type { ServiceContext } from '../context.js';

/**
 * C_SetPIN from the instance's PIN to the one in the file `to`. Whoever asked may have been killed meanwhile, and the next run may have decided
 * otherwise already: `asked` is its process id, and once that one is gone nothing is changed any more.
 */
export async function changeTokenPin({ instance, openToken }: ServiceContext, { to, asked }: { readonly to: string; readonly asked: number }): Promise<undefined> {
  const token = await openToken({ access: 'write' });
  await token.changePin({ from: 'file', path: to }, () => {
    // Between us and who asked stands runuser(1), which ends with it.
    const parent = instance.drop === 'runuser' ? startedBy : asked;
    if (process.ppid !== parent) throw new HsmongerError('PIN_NOT_CHANGED', 'Who asked for the new PIN has ended, so the token was not given one.');
  });
  return undefined;
}

const startedBy = process.ppid;
