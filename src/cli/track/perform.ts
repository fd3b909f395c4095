import { applyChanges, exitCodeOf } from '../../tracking/apply.js';
import { refused } from '../../tracking/preflight.js';
import { standing } from '../../tracking/several-tokens.js';
import type { Survey, Tracker } from '../../tracking/survey.js';
import type { Surroundings } from '../command.js';
import type { GlobalOptions } from '../global-options.js';
import { json } from '../output.js';
import { refusalText, stepReport, stepText } from './report.js';

/**
 * Makes the surveyed changes and tells each; none where pre-flight refuses anything: a misspelt nickname is a refusal and the removal of a
 * request that is right. Exit code: 3 where something was refused, 1 where a change failed.
 */
export async function perform(
  { certmonger }: Tracker,
  { changes, refusals }: Survey,
  options: Pick<GlobalOptions, 'instance' | 'json'>,
  { io }: Surroundings,
): Promise<number> {
  if (changes.length > 0 && standing(refusals).length > 0) {
    if (options.json) io.out(json({ instance: options.instance, steps: [], refusals }));
    else io.err(refusalText(refusals));
    throw refused(options.instance, standing(refusals));
  }
  const steps = await applyChanges(
    certmonger,
    changes,
    options.json
      ? {}
      : {
          onStep: (step) => {
            io.out(stepText(step));
          },
        },
  );
  if (options.json) io.out(json({ instance: options.instance, steps: steps.map(stepReport), refusals }));
  else if (changes.length === 0)
    io.out(`Nothing to change: certmonger's requests of instance '${options.instance}' are as they should be.\n`);
  if (refusals.length > 0 && !options.json) io.err(refusalText(refusals));
  const code = exitCodeOf(steps);
  return code === 0 && refusals.length > 0 ? 3 : code;
}
