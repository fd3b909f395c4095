import { askService } from '../../service/ask.js';
import type { Surroundings } from '../command.js';
import { json } from '../output.js';
import { placeOf, type AddTokenCommand, type TokenOptions } from './place.js';
import { listed, mechanismTable, tokenTable } from './tables.js';

/** `token list`: the tokens in the module's slots. */
export const addList: AddTokenCommand = (yargs, run) =>
  yargs.command(
    'list',
    "The tokens in the module's slots",
    (list) => list.option('mechanisms', { type: 'boolean', default: false, describe: 'And what each can do' }),
    run(list),
  );

async function list(options: TokenOptions & { readonly mechanisms: boolean }, { io, env }: Surroundings): Promise<number> {
  const place = placeOf(options, env);
  if (options.mechanisms) {
    const all = await askService(place, 'list mechanisms', undefined);
    io.out(
      options.json
        ? json(all.map(({ token, mechanisms }) => ({ ...listed(token), mechanisms })))
        : all.map((one) => `${tokenTable([one.token], io.colour)}\n${mechanismTable(one, io.colour)}`).join('\n'),
    );
    return 0;
  }
  const tokens = await askService(place, 'list tokens', undefined);
  io.out(options.json ? json(tokens.map(listed)) : tokenTable(tokens, io.colour));
  if (tokens.length === 0)
    io.err(
      'hsmonger: the module shows no token to the service user; check that the device is there, and the variables the module needs (--module-env).\n',
    );
  return 0;
}
