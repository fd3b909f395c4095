import { withTracker } from '../../tracking/survey.js';
import type { AddCommand, Surroundings } from '../command.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import { perform } from './perform.js';

/** `track apply`: what `track plan` shows. */
export const addApply: AddCommand = (yargs, run) =>
  yargs.command('apply', 'Make the changes, unless anything speaks against them', (apply) => apply, run(apply));

/** Nothing is changed when pre-flight refuses anything: 3 then, 1 when a change failed. */
export async function apply(options: GlobalOptions, surroundings: Surroundings): Promise<number> {
  return withTracker(instanceOf(options, surroundings.env), options.bus, surroundings.env, async (tracker) =>
    perform(tracker, await tracker.survey(), options, surroundings),
  );
}
