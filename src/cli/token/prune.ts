import { instanceNames } from '../../config/load.js';
import { HsmongerError } from '../../errors.js';
import { askService } from '../../service/ask.js';
import type { Surroundings } from '../command.js';
import { columns, json } from '../output.js';
import { instancesOn } from './instances-on.js';
import { leftToOthers, type LeftTo } from './left-to.js';
import { placeOf, withLabel, type AddTokenCommand, type TokenPlace, type TokenOptions } from './place.js';

/** `token prune`: superseded certificates off the token, archived first; shows what it would do unless told --yes. */
export const addPrune: AddTokenCommand = (yargs, run) =>
  yargs.command(
    'prune',
    'Take superseded certificates off the token; they are archived',
    (prune) => prune.option('yes', { type: 'boolean', default: false, describe: 'Do it; else only list' }),
    run(prune),
  );

async function prune(options: TokenOptions & { readonly yes: boolean }, { io, env }: Surroundings): Promise<number> {
  const place = await withLabel(options, placeOf(options, env));
  const left = place.from === 'flags' ? await noInstances(place, options.yes) : await leftBy(place, options.yes);
  const { certificates } = await askService(place, 'prune certificates', { remove: options.yes, left });
  if (options.json) {
    io.out(json(certificates));
    return 0;
  }
  const day = (date: Date) => date.toISOString().slice(0, 10);
  io.out(
    columns(
      ['LABEL', 'SERIAL', 'UNTIL', 'SUPERSEDED BY', 'OUTCOME', 'ARCHIVE'],
      certificates.map(({ label, serial, notAfter, by, outcome, file, instance }) => [
        { text: label === '' ? '-' : label },
        { text: serial },
        { text: day(notAfter) },
        { text: `${by.serial} until ${day(by.notAfter)}` },
        { text: instance === undefined ? outcome : `left to ${instance}` },
        { text: outcome === 'kept' || outcome === 'left' ? '-' : file },
      ]),
      io.colour,
    ),
  );
  if (certificates.length === 0) io.err('hsmonger: No certificate on the token is superseded.\n');
  else if (!options.yes) io.err('hsmonger: Nothing was removed; do it with --yes.\n');
  for (const name of new Set(certificates.flatMap(({ instance }) => instance ?? [])))
    io.err(
      `hsmonger: What instance '${name}' names is left to it, for its file says which hosts use that: run 'hsmonger token prune --instance ${name}'.\n`,
    );
  return 0;
}

/** Which hosts share a token only its instance file says, so flags are no way round it (design rule 11). NOT_PERMITTED. */
async function noInstances(place: TokenPlace, remove: boolean): Promise<LeftTo[]> {
  if (!remove) return [];
  const { description } = await askService(place, 'inspect token', { keys: false });
  const found = await instancesOn(place, description);
  if (found.length === 0) return [];
  throw new HsmongerError(
    'NOT_PERMITTED',
    `Nothing is removed from token '${description.label}' by flags alone: ${found.join(' ')} Its file says whether other hosts use the token: run this with --instance and without --module.`,
  );
}

/** Each by the rule of its own instance's file. NOT_PERMITTED where that of one cannot be told and something is to be removed. */
async function leftBy(place: TokenPlace, remove: boolean): Promise<LeftTo[]> {
  if (instanceNames(place.directories).every((name) => name === place.instance.name)) return [];
  const { description } = await askService(place, 'inspect token', { keys: false });
  const { left, troubles } = await leftToOthers(place, description);
  if (remove && troubles.length > 0)
    throw new HsmongerError('NOT_PERMITTED', `Nothing is removed from token '${description.label}': ${troubles.join(' ')}`);
  return left;
}
