import type { Directories, Instance } from '../config/instance.js';
import { run } from '../platform/run.js';
import { restartUnit, startGuarded } from '../renewal/guard.js';
import { askService } from './ask.js';

interface Means {
  readonly ask: typeof askService;
  readonly run: typeof run;
}

/**
 * Finishes what interrupted savings left: the service user's part in a dropped child, then units by root, restarted once for all of them. What
 * cannot be finished is told, and stays in the journal. Gives how many were finished.
 */
export async function finishSavings(
  place: { readonly instance: Instance; readonly directories: Directories },
  tell: (sentence: string) => Promise<void> | void,
  means: Means = { ask: askService, run },
): Promise<number> {
  const finished: string[] = [];
  const awaitingRestart: string[] = [];
  for (const resumed of await means.ask(place, 'resume saving', undefined)) {
    if (!resumed.ok) {
      await tell(`Saving '${resumed.nickname}' could not be finished: ${resumed.message}`);
      continue;
    }
    for (const warning of resumed.report.warnings) await tell(warning);
    if (resumed.report.restart !== undefined) awaitingRestart.push(resumed.report.nickname);
    finished.push(resumed.report.nickname);
  }
  if (awaitingRestart.length > 0) {
    await restartUnit(place.instance, await startGuarded(place.instance, means.run), means.run);
    for (const nickname of awaitingRestart) await means.ask(place, 'finish saving', { nickname });
  }
  for (const nickname of finished) await tell(`Finished the interrupted saving of '${nickname}'.`);
  return finished.length;
}
