import { askService } from '../../service/ask.js';
import type { Surroundings } from '../command.js';
import { json } from '../output.js';
import { placeOf, withLabel, type TokenOptions } from './place.js';
import { checkReport, checkTable } from './tables.js';

export async function check(options: TokenOptions & { readonly force: boolean }, { io, env }: Surroundings): Promise<number> {
  const report = checkReport(await askService(await withLabel(options, placeOf(options, env)), 'check keys', { force: options.force }));
  io.out(options.json ? json(report) : checkTable(report, io.colour));
  return report.every(({ ok }) => ok) ? 0 : 3;
}
