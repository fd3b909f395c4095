import type { AddCommand } from './command.js';
import { addApply } from './track/apply.js';
import { addList } from './track/list.js';
import { addPlan } from './track/plan.js';
import { addStart } from './track/start.js';
import { addStop } from './track/stop.js';

const commands: readonly AddCommand[] = [addPlan, addApply, addStart, addStop, addList];

/** `track`: certmonger's requests against the instance file. */
export const addTrack: AddCommand = (yargs, run) =>
  yargs.command('track', "Make certmonger's requests match the instance file", (track) =>
    commands.reduce((added, add) => add(added, run), track).demandCommand(1, 'Name what to do: plan, apply, start, stop or list.'),
  );
