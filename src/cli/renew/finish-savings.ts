import type { Directories, Instance } from '../../config/instance.js';
import { run } from '../../platform/run.js';
import { restartUnit, startGuarded } from '../../renewal/guard.js';
import { askService } from '../../service/ask.js';
import type { Io } from '../io.js';
import { harmless } from '../output.js';

/** Finishes what an interrupted saving left: the service user's part in a dropped child, units by root. What cannot be finished is said, and stays in the journal. Gives how many were finished. */
export async function finishSavings(place: { readonly instance: Instance; readonly directories: Directories }, io: Io): Promise<number> {
  let finished = 0;
  const tell = (sentence: string) => { io.err(`hsmonger: ${harmless(sentence)}\n`); };
  for (const resumed of await askService(place, 'resume saving', undefined)) {
    if (!resumed.ok) {
      tell(`Saving '${resumed.nickname}' could not be finished: ${resumed.message}`);
      continue;
    }
    resumed.report.warnings.forEach(tell);
    if (resumed.report.restart !== undefined) {
      await restartUnit(place.instance, await startGuarded(place.instance, run), run);
      await askService(place, 'finish saving', { nickname: resumed.report.nickname });
    }
    tell(`Finished the interrupted saving of '${resumed.report.nickname}'.`);
    finished++;
  }
  return finished;
}
