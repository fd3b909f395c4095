import { askService } from '../../service/ask.js';
import type { Surroundings } from '../command.js';
import { json } from '../output.js';
import { placeOf, type TokenOptions } from './place.js';
import { tokenTable } from './tables.js';

export async function list(options: TokenOptions, { io, env }: Surroundings): Promise<number> {
  const tokens = await askService(placeOf(options, env), 'list tokens', undefined);
  io.out(options.json ? json(tokens) : tokenTable(tokens, io.colour));
  if (tokens.length === 0) io.err('hsmonger: the module shows no token to the service user; check that the device is there, and the variables the module needs (--module-env).\n');
  return 0;
}
