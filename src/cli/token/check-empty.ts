import { tokenOf } from '../../config/token-of.js';
import { askService } from '../../service/ask.js';
import { emptySlotRefusals } from '../../tracking/empty-slot.js';
import type { Surroundings } from '../command.js';
import { harmless, json } from '../output.js';
import { refusalText } from '../track/report.js';
import { placeOf, withLabel, type TokenOptions } from './place.js';

/** `token check --empty`: whether a first installation may have the slot. 3 where anything is in its way; nothing is removed. */
export async function checkEmpty(options: TokenOptions & { readonly force: boolean }, { io, env }: Surroundings): Promise<number> {
  const place = await withLabel(options, placeOf(options, env));
  const contents = await askService(place, 'count objects', { sight: 'everything', force: options.force });
  const refusals = emptySlotRefusals({ module: tokenOf(place.instance).module, ...contents });
  const label = contents.token.ok ? contents.token.description.label : undefined;
  if (options.json) io.out(json({ token: label, empty: refusals.length === 0, refusals }));
  else
    io.out(
      refusals.length === 0
        ? `Token '${harmless(label ?? '')}' is empty, and the only one of that label: a first installation may have it.\n`
        : refusalText(refusals),
    );
  return refusals.length === 0 ? 0 : 3;
}
