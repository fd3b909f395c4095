import { withTracker } from '../../tracking/survey.js';
import type { AddCommand, Surroundings } from '../command.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import { json } from '../output.js';
import { planReport, planText } from './report.js';

/** `track plan`: certmonger's requests against the instance file, and what pre-flight says of them. */
export const addPlan: AddCommand = (yargs, run) =>
  yargs.command('plan', 'What would change, and what speaks against it; exit status 3 when there is anything', (plan) => plan, run(plan));

/** 3 when certmonger's requests differ or pre-flight refuses, 0 when all is as it should be. */
export async function plan(options: GlobalOptions, { io, env }: Surroundings): Promise<number> {
  return withTracker(instanceOf(options, env), options.bus, env, async (tracker) => {
    const survey = await tracker.survey();
    io.out(options.json ? json(planReport(options.instance, survey)) : planText(options.instance, survey));
    return survey.changes.length === 0 && survey.refusals.length === 0 ? 0 : 3;
  });
}
