import { askService } from '../../service/ask.js';
import type { Surroundings } from '../command.js';
import { json } from '../output.js';
import { checkEmpty } from './check-empty.js';
import { checkReport, checkTables } from './check-report.js';
import { placeOf, withLabel, type AddTokenCommand, type TokenOptions } from './place.js';

/** `token check`: a signature of each key, verified; or whether the slot is empty. */
export const addCheck: AddTokenCommand = (yargs, run) =>
  yargs.command(
    'check',
    'Sign with each key and verify; or see whether the slot is empty',
    (check) =>
      check
        .option('empty', {
          type: 'boolean',
          default: false,
          describe: 'Instead: whether a first installation may have this slot (nothing on it, its label unique); tells what is in the way',
        })
        .option('force', {
          type: 'boolean',
          default: false,
          describe: 'Try the PIN even where one attempt is left before the token locks',
        }),
    run(check),
  );

async function check(
  options: TokenOptions & { readonly force: boolean; readonly empty: boolean },
  surroundings: Surroundings,
): Promise<number> {
  if (options.empty) return checkEmpty(options, surroundings);
  const { io, env } = surroundings;
  const report = checkReport(await askService(await withLabel(options, placeOf(options, env)), 'check keys', { force: options.force }));
  io.out(options.json ? json(report) : checkTables(report, io.colour));
  return report.keys.every(({ ok }) => ok) ? 0 : 3;
}
