import { askService } from '../../service/ask.js';
import type { Surroundings } from '../command.js';
import { json } from '../output.js';
import { checkEmpty } from './check-empty.js';
import { checkReport, checkTables } from './check-report.js';
import { placeOf, withLabel, type TokenOptions } from './place.js';

export async function check(
  options: TokenOptions & { readonly force: boolean; readonly empty: boolean },
  surroundings: Surroundings,
): Promise<number> {
  if (options.empty) return checkEmpty(options, surroundings);
  const { io, env } = surroundings;
  const report = checkReport(await askService(await withLabel(options, placeOf(options, env)), 'check keys', { force: options.force }));
  io.out(options.json ? json(report) : checkTables(report, io.colour));
  return report.keys.every(({ ok }) => ok) ? 0 : 3;
}
