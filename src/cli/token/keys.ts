import { askService } from '../../service/ask.js';
import type { Surroundings } from '../command.js';
import { json } from '../output.js';
import { placeOf, selectorWord, withLabel, type AddTokenCommand, type TokenOptions } from './place.js';
import { keyReport, keyTable } from './tables.js';

/** `token keys`: the keys, with their certificates and URIs. */
export const addKeys: AddTokenCommand = (yargs, run) =>
  yargs.command(
    'keys [selector]',
    'The keys, with their certificates and URIs',
    (keys) => keys.positional('selector', { type: 'string', describe: selectorWord }),
    run(keys),
  );

async function keys(options: TokenOptions & { readonly selector: string | undefined }, { io, env }: Surroundings): Promise<number> {
  const { selector } = options;
  const contents = await askService(await withLabel(options, placeOf(options, env, selector)), 'list objects', { keys: true });
  const report = keyReport(contents, selector);
  io.out(options.json ? json(report) : keyTable(report, io.colour));
  if (report.length > 0 || selector === undefined) return 0;
  io.err(`hsmonger: '${selector}' names no key on token '${contents.description.label}'; leave it out to see them all.\n`);
  return 1;
}
