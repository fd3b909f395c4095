import { existsSync } from 'node:fs';
import type { RefusedPin, StateFacts } from '../../../doctor/facts/state.js';
import { asideName } from '../../../pkcs11/pin/pin-aside.js';
import { askService } from '../../../service/ask.js';
import { readTakenOver } from '../../setup/freeipa/memory.js';
import type { Gathering } from './gathering.js';

/** The ledger as the service user reads it; what root keeps beside the instance file as root. */
export async function gatherState({ place }: Pick<Gathering, 'place'>): Promise<StateFacts> {
  const { instance, directories } = place;
  const { journal, ...examined } = await askService(place, 'examine state', undefined);
  return {
    ...examined,
    savings: journal,
    refusedPins: instance.token?.pin.from === 'file' ? refusedPin(instance.token.pin.path) : [],
    takenOver: (readTakenOver(directories, instance.name)?.requests ?? []).map(({ id, ours }) => ({ id, ours })),
  };
}

function refusedPin(file: string): RefusedPin[] {
  const aside = asideName(file);
  return existsSync(aside) ? [{ file, aside, replaced: existsSync(file) }] : [];
}
