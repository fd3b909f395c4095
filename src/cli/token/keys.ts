import { askService } from '../../service/ask.js';
import type { Surroundings } from '../command.js';
import { json } from '../output.js';
import { placeOf, withLabel, type TokenOptions } from './place.js';
import { keyReport, keyTable } from './tables.js';

export async function keys(options: TokenOptions, { io, env }: Surroundings): Promise<number> {
  const contents = await askService(await withLabel(options, placeOf(options, env)), 'inspect token', { keys: true });
  const report = keyReport(contents);
  io.out(options.json ? json(report) : keyTable(report, io.colour));
  return 0;
}
