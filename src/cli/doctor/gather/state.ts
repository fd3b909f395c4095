import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { StateFacts } from '../../../doctor/facts/state.js';
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
    refusedPins: instance.token?.pin.from === 'file' ? refusedBeside(instance.token.pin.path) : [],
    takenOver: (readTakenOver(directories, instance.name)?.requests ?? []).map(({ id, ours }) => ({ id, ours })),
  };
}

/** A bad PIN is moved aside under the PIN file's name and '.refused'. */
function refusedBeside(file: string): string[] {
  try {
    const { dir, base } = path.parse(file);
    return readdirSync(dir)
      .filter((name) => name.startsWith(`${base}.refused`))
      .map((name) => path.join(dir, name));
  } catch (error) {
    // The check of the PIN file itself speaks of a directory that is not there.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
